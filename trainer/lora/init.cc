#include "trainer/lora/init.h"

#include <Eigen/Dense>
#include <cmath>

#include "core/seeded_random.h"

namespace selvedge::trainer {
namespace {

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int kSubspaceIterations = 4;

// Rows of the result are an orthonormal basis of the rows of `m` [r, n].
RowMatrix Orthonormal(const RowMatrix& m) {
  const Eigen::MatrixXd columns = m.transpose().cast<double>();
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(columns);
  const Eigen::MatrixXd q =
      qr.householderQ() * Eigen::MatrixXd::Identity(columns.rows(), columns.cols());
  return q.transpose().cast<float>();
}

}  // namespace

std::vector<float> FrozenA(const LoraLayout& layout, uint64_t seed, core::ThreadPool& pool) {
  std::vector<float> frozen(layout.frozen());
  const auto r = static_cast<Eigen::Index>(layout.rank());
  uint64_t stream = 0;
  for (const LoraTarget& target : layout.targets()) {
    core::SeededRandom random(seed, stream++);
    RowMatrix basis(r, static_cast<Eigen::Index>(target.in));
    for (Eigen::Index i = 0; i < basis.size(); ++i) {
      basis.data()[i] = static_cast<float>(random.NextGaussian());
    }
    basis = Orthonormal(basis);
    RowMatrix image(r, static_cast<Eigen::Index>(target.out));
    for (int i = 0; i < kSubspaceIterations; ++i) {
      kernels::GemmForward(pool, *target.weight, basis.data(), layout.rank(), image.data());
      kernels::GemmInputGrad(pool, *target.weight, image.data(), layout.rank(), basis.data(),
                             false);
      basis = Orthonormal(basis);
    }
    std::copy(basis.data(), basis.data() + basis.size(), frozen.data() + target.a_offset);
  }
  return frozen;
}

std::vector<float> InitialWeights(const LoraLayout& layout, uint64_t seed) {
  std::vector<float> trained(layout.trained());
  if (layout.freeze_a()) return trained;
  uint64_t stream = 0;
  for (const LoraTarget& target : layout.targets()) {
    core::SeededRandom random(seed, stream++);
    const double bound = 1 / std::sqrt(static_cast<double>(target.in));
    float* a = trained.data() + target.a_offset;
    for (size_t i = 0; i < layout.rank() * target.in; ++i) {
      a[i] = static_cast<float>(bound * (2 * random.NextDouble() - 1));
    }
  }
  return trained;
}

}  // namespace selvedge::trainer
