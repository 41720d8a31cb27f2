#include "trainer/run/input_basis.h"

#include <Eigen/Dense>
#include <algorithm>

#include "trainer/lora/init.h"

namespace selvedge::trainer {
namespace {

constexpr int kSubspaceIterations = 4;
constexpr double kRidge = 1e-3;  // of the inputs' mean square

Group TextGroup(const std::vector<std::vector<int32_t>>& text) {
  Group group;
  for (const std::vector<int32_t>& tokens : text) {
    Example example;
    example.tokens = tokens;
    example.is_label.assign(tokens.size(), 1);
    if (!tokens.empty()) example.is_label[0] = 0;
    group.examples.push_back(std::move(example));
  }
  return group;
}

// `x` [rows, n] row-major -> a [n] with x a = |mean of x| for all rows, as nearly as the ridge lets
// it, in its dual form: a = x^T (x x^T + ridge)^-1 1.
void ConstantDirection(const std::vector<float>& x, size_t n, float* a) {
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto count = static_cast<Eigen::Index>(x.size() / n);
  const Eigen::MatrixXd m =
      Eigen::Map<const Rows>(x.data(), count, static_cast<Eigen::Index>(n)).cast<double>();
  Eigen::MatrixXd gram = m * m.transpose();
  gram.diagonal().array() += kRidge * gram.trace() / static_cast<double>(n);
  const Eigen::VectorXd weights = gram.ldlt().solve(Eigen::VectorXd::Ones(count));
  const Eigen::VectorXd direction = m.colwise().mean().norm() * (m.transpose() * weights);
  for (size_t i = 0; i < n; ++i) a[i] = static_cast<float>(direction[static_cast<Eigen::Index>(i)]);
}

}  // namespace

std::vector<float> InputBasis(const LoraLayout& layout,
                              const std::vector<std::vector<int32_t>>& text, uint64_t seed,
                              const std::function<bool()>& should_stop, GradientPass& pass) {
  const std::vector<Group> groups = {TextGroup(text)};
  const DenseKernels& dense = ActiveDenseKernels();
  const size_t r = layout.rank();
  std::vector<float> basis = RandomBasis(layout, seed);
  const std::vector<float> zeros(layout.trained());
  const auto is_bias = [r](const LoraTarget& target) { return target.is_head && r == 1; };
  std::vector<float> h, part, head_inputs;
  for (int i = 0; i < kSubspaceIterations; ++i) {
    // Sums over sequences, each one product, in their order: how they are packed does not show.
    std::vector<double> sums(layout.frozen());
    const auto add = [&](const LoraTarget& target, const float* x,
                         std::span<const Segment> segments) {
      if (is_bias(target)) {
        if (i == 0) {
          head_inputs.insert(head_inputs.end(), x, x + segments.back().end * target.in);
        }
        return;
      }
      part.resize(r * target.in);
      for (const Segment& s : segments) {
        const float* rows = x + s.begin * target.in;
        h.resize(s.length() * r);
        dense.gemm_nt(s.length(), r, target.in, 1, rows, target.in, basis.data() + target.a_offset,
                      target.in, false, h.data(), r);
        dense.gemm_tn(r, target.in, s.length(), 1, h.data(), r, rows, target.in, false, part.data(),
                      target.in);
        for (size_t k = 0; k < part.size(); ++k) sums[target.a_offset + k] += part[k];
      }
    };
    if (!pass.Observe(groups, basis, zeros, should_stop, add)) return {};
    std::copy(sums.begin(), sums.end(), basis.begin());  // zeros where the head is a bias
    for (const LoraTarget& target : layout.targets()) {
      float* a = basis.data() + target.a_offset;
      if (is_bias(target)) {
        ConstantDirection(head_inputs, target.in, a);
      } else {
        Orthonormalize(r, target.in, a);
      }
    }
  }
  return basis;
}

}  // namespace selvedge::trainer
