#include "inference/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace selvedge::inference {
namespace {

// The number of the pair that turns `turns` times over `context` positions.
double PairOfTurns(double turns, uint32_t dim, double base, uint32_t context) {
  return dim * std::log(context / (turns * 2 * std::numbers::pi)) / (2 * std::log(base));
}

// 1 for pairs that keep their frequency, 0 for those that are stretched, between them a ramp.
class YarnRamp {
 public:
  YarnRamp(uint32_t dim, double base, const RopeScaling& scaling)
      : low_(std::floor(PairOfTurns(scaling.beta_fast, dim, base, scaling.original_context))),
        high_(std::ceil(PairOfTurns(scaling.beta_slow, dim, base, scaling.original_context))) {
    low_ = std::max(low_, 0.0);
    high_ = std::min(high_, dim - 1.0);
  }
  double At(size_t pair) const {
    const double y = (static_cast<double>(pair) - low_) / std::max(0.001, high_ - low_);
    return 1 - std::clamp(y, 0.0, 1.0);
  }

 private:
  double low_, high_;
};

}  // namespace

RopeTable::RopeTable(uint32_t dim, double base, const RopeScaling& scaling,
                     std::span<const float> divisors)
    : frequency_(dim / 2), magnitude_(scaling.magnitude) {
  const bool yarn = scaling.kind == RopeScaling::Kind::kYarn;
  const double stretch = scaling.kind == RopeScaling::Kind::kNone ? 1 : scaling.factor;
  const YarnRamp ramp(dim, base, scaling);
  for (size_t i = 0; i < frequency_.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / dim;
    const double plain = std::pow(base, exponent) / (divisors.empty() ? 1.0 : divisors[i]);
    const double kept = yarn ? ramp.At(i) * scaling.extrapolation : 0;
    frequency_[i] = plain * kept + plain / stretch * (1 - kept);
  }
  // Longer contexts need a lower temperature of the softmax: YaRN, eq. 22.
  if (yarn && scaling.extrapolation != 0) magnitude_ *= 1 + 0.1 * std::log(stretch);
}

void RopeTable::Fill(int64_t first, size_t count, float* cos, float* sin) const {
  for (size_t t = 0; t < count; ++t) {
    const double position = static_cast<double>(first) + static_cast<double>(t);
    for (const double frequency : frequency_) {
      *cos++ = static_cast<float>(magnitude_ * std::cos(position * frequency));
      *sin++ = static_cast<float>(magnitude_ * std::sin(position * frequency));
    }
  }
}

}  // namespace selvedge::inference
