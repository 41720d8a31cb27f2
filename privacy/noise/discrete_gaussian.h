#pragma once
// Exact sampling of the discrete Gaussian on the integers: P[x] proportional to exp(-x^2 / (2
// s^2)).
//
// Integers and comparisons only, so the distribution has no holes, no cut support and no rounding.
// Source: Canonne, Kamath, Steinke 2020 (arXiv 2004.00010), Algorithms 1 to 3. Their proof that the
// acceptance step corrects the Laplace proposal holds for any proposal scale t >= 1; here t is
// floor(s), at least 1, which makes all denominators powers of two when s is one.

#include <cstdint>

#include <selvedge/status.h>

#include "privacy/noise/random_bits.h"

namespace selvedge::privacy {

class DiscreteGaussian {
 public:
  // s = numerator / denominator. kUsage unless numerator is in [1, 2^30], denominator in [1, 2^10].
  static Result<DiscreteGaussian> Create(uint64_t numerator, uint64_t denominator = 1);

  template <class Source>
  int64_t Sample(RandomBits<Source>& random) const {
    while (true) {
      // Discrete Laplace of scale t: |x| = u + t v.
      const auto u = static_cast<uint64_t>(random.Below(scale_));
      if (!BernoulliExpFraction(u, scale_, random)) continue;
      uint64_t v = 0;
      while (BernoulliExpOne(random)) ++v;
      // A magnitude above 2^20 scales is accepted with probability below exp(-2^39): never.
      if (v >= kMostScales) continue;
      const bool negative = random.Take(1) != 0;
      const uint64_t magnitude = u + static_cast<uint64_t>(scale_.value) * v;
      if (negative && magnitude == 0) continue;
      // Accept with probability exp(-(|x| - s^2/t)^2 / (2 s^2)) = exp(-(|x| a - b)^2 / (2 a b t)).
      const Uint128 scaled = static_cast<Uint128>(magnitude) * a_;
      const Uint128 root = scaled > b_ ? scaled - b_ : b_ - scaled;
      if (root >= kMostRoot) continue;  // the exponent is beyond 2^20
      if (!BernoulliExp(root * root, random)) continue;
      return negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
    }
  }

 private:
  static constexpr uint64_t kMostScales = uint64_t{1} << 20;
  static constexpr Uint128 kMostRoot = static_cast<Uint128>(1) << 63;

  DiscreteGaussian(uint64_t scale, Uint128 a, Uint128 b, Uint128 denominator)
      : scale_(scale), a_(a), b_(b), accept_(denominator) {}

  // True with probability exp(-1): the parity of the first k at which a 1-in-k draw fails.
  template <class Source>
  static bool BernoulliExpOne(RandomBits<Source>& random) {
    uint32_t k = 1;
    while (random.OneIn(k)) ++k;
    return k % 2 != 0;
  }

  // True with probability exp(-numerator / bound), numerator <= bound. Algorithm 1 of the source;
  // Bernoulli(gamma / k) is drawn as 1-in-k and gamma independently.
  template <class Source>
  static bool BernoulliExpFraction(Uint128 numerator, const DrawBound& bound,
                                   RandomBits<Source>& random) {
    uint32_t k = 1;
    while (random.OneIn(k) && random.Below(bound) < numerator) ++k;
    return k % 2 != 0;
  }

  // True with probability exp(-numerator / accept_), any numerator.
  template <class Source>
  bool BernoulliExp(Uint128 numerator, RandomBits<Source>& random) const {
    while (numerator > accept_.value) {
      if (!BernoulliExpOne(random)) return false;
      numerator -= accept_.value;
    }
    return BernoulliExpFraction(numerator, accept_, random);
  }

  DrawBound scale_;   // t
  Uint128 a_;         // den^2 t / f    with f = gcd(den^2 t, num^2)
  Uint128 b_;         // num^2 / f
  DrawBound accept_;  // 2 a b t
};

}  // namespace selvedge::privacy
