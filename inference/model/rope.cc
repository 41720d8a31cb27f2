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
    : pairs_(dim / 2),
      ratio_(std::pow(static_cast<float>(base), -2.0f / static_cast<float>(dim))),
      magnitude_(scaling.magnitude) {
  const bool yarn = scaling.kind == RopeScaling::Kind::kYarn;
  const double stretch = scaling.kind == RopeScaling::Kind::kNone ? 1 : scaling.factor;
  unstretch_ = static_cast<float>(1 / stretch);
  const YarnRamp ramp(dim, base, scaling);
  for (size_t i = 0; i < pairs_.size(); ++i) {
    pairs_[i].divisor = divisors.empty() ? 1.0f : divisors[i];
    pairs_[i].kept = yarn ? static_cast<float>(ramp.At(i)) * scaling.extrapolation : 0;
  }
  // Longer contexts need a lower temperature of the softmax: YaRN, eq. 22.
  if (yarn && scaling.extrapolation != 0) {
    magnitude_ *= static_cast<float>(1 + 0.1 * std::log(stretch));
  }
}

void RopeTable::Fill(int64_t first, size_t count, float* cos, float* sin) const {
  for (size_t t = 0; t < count; ++t) {
    float angle = static_cast<float>(first + static_cast<int64_t>(t));
    for (const Pair& pair : pairs_) {
      const float plain = angle / pair.divisor, stretched = plain * unstretch_;
      const float mixed = stretched * (1 - pair.kept) + plain * pair.kept;
      *cos++ = std::cos(mixed) * magnitude_;
      *sin++ = std::sin(mixed) * magnitude_;
      angle *= ratio_;
    }
  }
}

RotaryAngles RopeTable::First(size_t count) const {
  RotaryAngles angles;
  angles.cos.resize(count * pairs());
  angles.sin.resize(count * pairs());
  Fill(0, count, angles.cos.data(), angles.sin.data());
  return angles;
}

}  // namespace selvedge::inference
