#include "trainer/lora/init.h"

#include <Eigen/Dense>
#include <cmath>

#include "core/seeded_random.h"

namespace selvedge::trainer {
namespace {

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int kSubspaceIterations = 4;

}  // namespace

void Orthonormalize(size_t r, size_t in, float* m) {
  Eigen::Map<RowMatrix> rows(m, static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(in));
  const Eigen::MatrixXd columns = rows.transpose().cast<double>();
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(columns);
  const Eigen::MatrixXd q =
      qr.householderQ() * Eigen::MatrixXd::Identity(columns.rows(), columns.cols());
  rows = q.transpose().cast<float>();
}

std::vector<float> RandomBasis(const LoraLayout& layout, uint64_t seed) {
  std::vector<float> frozen(layout.frozen());
  uint64_t stream = 0;
  for (const LoraTarget& target : layout.targets()) {
    core::SeededRandom random(seed, stream++);
    float* basis = frozen.data() + target.a_offset;
    for (size_t i = 0; i < layout.rank() * target.in; ++i) {
      basis[i] = static_cast<float>(random.NextGaussian());
    }
    Orthonormalize(layout.rank(), target.in, basis);
  }
  return frozen;
}

std::vector<float> WeightBasis(const LoraLayout& layout, uint64_t seed, core::ThreadPool& pool) {
  std::vector<float> frozen = RandomBasis(layout, seed);
  for (const LoraTarget& target : layout.targets()) {
    float* basis = frozen.data() + target.a_offset;
    std::vector<float> image(layout.rank() * target.out);
    for (int i = 0; i < kSubspaceIterations; ++i) {
      kernels::GemmForward(pool, *target.weight, basis, layout.rank(), image.data());
      kernels::GemmInputGrad(pool, *target.weight, image.data(), layout.rank(), basis, false);
      Orthonormalize(layout.rank(), target.in, basis);
    }
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
