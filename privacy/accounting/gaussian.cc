#include "privacy/accounting/gaussian.h"

#include <cmath>
#include <numbers>

#include "privacy/accounting/normal.h"

namespace selvedge::privacy {
namespace {

// Relative error allowed for in a computed delta before it is compared with the wanted one.
constexpr double kLogDeltaSlack = 1e-11;
// Epsilon is rounded up by this much, so that ten printed digits are still an upper bound.
constexpr double kRoundUp = 1 + 5e-10;

}  // namespace

double GaussianLogDelta(double epsilon, double mu) {
  // delta = (erfc(a) - e^eps erfc(c)) / 2. As c^2 - a^2 = eps, both terms carry exp(-a^2), which is
  // taken out so that neither underflows.
  const double a = (epsilon / mu - mu / 2) / std::numbers::sqrt2;
  const double c = (epsilon / mu + mu / 2) / std::numbers::sqrt2;
  if (a < 0 && c > 0) {
    return std::log(0.5 * (std::erfc(a) - std::exp(-a * a) * ScaledErfc(c)));
  }
  if (c <= 0) return std::log(0.5 * (std::erfc(a) - std::exp(epsilon) * std::erfc(c)));
  return -a * a + std::log(0.5 * (ScaledErfc(a) - ScaledErfc(c)));
}

double GaussianDelta(double epsilon, double mu) { return std::exp(GaussianLogDelta(epsilon, mu)); }

double GaussianEpsilon(double mu, double delta) {
  if (mu <= 0) return 0;
  const double wanted = std::log(delta) - kLogDeltaSlack;
  if (GaussianLogDelta(0, mu) <= wanted) return 0;
  double low = 0;
  // zCDP bound (Bun and Steinke 2016, Proposition 1.3), a valid start from above.
  double high = (mu * mu / 2 + mu * std::sqrt(-2 * wanted)) * (1 + 1e-12);
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (GaussianLogDelta(middle, mu) <= wanted ? high : low) = middle;
  }
  return high * kRoundUp;
}

}  // namespace selvedge::privacy
