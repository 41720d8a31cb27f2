#include "privacy/noise/discrete_gaussian.h"

#include <algorithm>
#include <string>

namespace selvedge::privacy {
namespace {

constexpr uint64_t kMostNumerator = uint64_t{1} << 30;
constexpr uint64_t kMostDenominator = uint64_t{1} << 10;

Uint128 GreatestCommonDivisor(Uint128 a, Uint128 b) {
  while (b != 0) {
    const Uint128 rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

}  // namespace

Result<DiscreteGaussian> DiscreteGaussian::Create(uint64_t numerator, uint64_t denominator) {
  if (numerator < 1 || numerator > kMostNumerator || denominator < 1 ||
      denominator > kMostDenominator) {
    return UsageError("discrete gaussian: scale: got " + std::to_string(numerator) + "/" +
                      std::to_string(denominator) +
                      ", numerator must be in [1, 2^30], denominator in [1, 2^10]");
  }
  const uint64_t scale = std::max<uint64_t>(1, numerator / denominator);
  const Uint128 a = static_cast<Uint128>(denominator) * denominator * scale;  // <= 2^50
  const Uint128 b = static_cast<Uint128>(numerator) * numerator;              // <= 2^60
  const Uint128 f = GreatestCommonDivisor(a, b);
  // 2 a b t <= 2 (den t)^2 num^2 <= 2 num^4 <= 2^121.
  return DiscreteGaussian(scale, a / f, b / f, 2 * (a / f) * (b / f) * scale);
}

}  // namespace selvedge::privacy
