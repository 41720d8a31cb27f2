#include "privacy/clipping/grid_sum.h"

#include <cmath>
#include <cstdlib>
#include <limits>

namespace selvedge::privacy {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// AUTO-S stability constant, in the gradient's unit. Source: Bu et al. 2022 (arXiv 2206.07136).
constexpr double kAutoScaleGamma = 0.01;

// L2 norm in double; squares of floats can neither overflow nor vanish there. NaN if an element is
// not finite. The order of additions is fixed, so equal inputs give equal norms.
double Norm(std::span<const float> gradient) {
  double sums[4] = {0, 0, 0, 0};
  for (size_t i = 0; i < gradient.size(); ++i) {
    const double value = gradient[i];
    sums[i % 4] += value * value;
  }
  const double squared = sums[0] + sums[1] + sums[2] + sums[3];
  return std::isfinite(squared) ? std::sqrt(squared) : kNaN;
}

// Rounds gradient * factor to integers in `out`; |gradient * factor| < 2^31 is given. Returns the
// exact sum of their squares.
unsigned __int128 RoundToGrid(std::span<const float> gradient, double factor,
                              std::vector<int32_t>& out) {
  // Adding and taking away 1.5 * 2^52 rounds to the nearest integer, ties to even, in two
  // instructions that vectorise (std::lrint does not).
  constexpr double kRounder = 0x1.8p52;
  for (size_t i = 0; i < gradient.size(); ++i) {
    const double rounded = (static_cast<double>(gradient[i]) * factor + kRounder) - kRounder;
    out[i] = static_cast<int32_t>(rounded);
  }
  unsigned __int128 squares = 0;
  for (const int32_t value : out) {
    squares += static_cast<uint64_t>(static_cast<int64_t>(value) * value);
  }
  return squares;
}

}  // namespace

GridSum::GridSum(const Grid& grid, Clipping clipping, uint64_t parameters)
    : grid_(grid), clipping_(clipping), values_(parameters, 0), rounded_(parameters) {}

double GridSum::Add(std::span<const float> gradient) {
  // A wrong length is a bug of the caller, and a silent skip would hide it.
  if (gradient.size() != rounded_.size() || gradient.empty()) std::abort();
  // No overflow: ChooseGrid keeps C in grid units at max(2^20 / sigma, 2^10 sqrt(P)) < 2^27 (sigma
  // >= 0.01, P <= 2^32), and at most 2^31 groups are added, so |sum| < 2^58; the noise stays below
  // 2^50.
  if (groups_ == std::numeric_limits<int32_t>::max()) std::abort();
  ++groups_;
  const double norm = Norm(gradient);
  if (std::isnan(norm)) {
    ++skipped_;
    return norm;
  }
  if (norm == 0) return norm;
  const double scale = clipping_ == Clipping::kAutoS ? grid_.clip_norm / (norm + kAutoScaleGamma)
                       : norm > grid_.clip_norm      ? grid_.clip_norm / norm
                                                     : 1.0;
  // Checked, not trusted: the sensitivity that the noise is scaled to holds in exact arithmetic.
  if (RoundToGrid(gradient, scale / grid_.size, rounded_) > grid_.norm_squared_max) {
    ++skipped_;
    return norm;
  }
  for (size_t i = 0; i < rounded_.size(); ++i) values_[i] += rounded_[i];
  return norm;
}

}  // namespace selvedge::privacy
