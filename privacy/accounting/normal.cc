#include "privacy/accounting/normal.h"

#include <cmath>
#include <numbers>

namespace selvedge::privacy {

double ScaledErfc(double x) {
  if (x < 5) return std::exp(x * x) * std::erfc(x);
  // Continued fraction of Laplace (Abramowitz and Stegun 7.1.14), from the innermost term outwards.
  // From x = 5 on, 40 terms leave a relative error below 1e-16.
  double tail = x;
  for (int k = 40; k >= 1; --k) tail = x + 0.5 * k / tail;
  return std::numbers::inv_sqrtpi / tail;
}

double NormalCdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double NormalSurvival(double z) { return 0.5 * std::erfc(z / std::numbers::sqrt2); }

double NormalTailPoint(double tail) {
  double low = 0;
  double high = std::sqrt(-2 * std::log(tail)) + 1;  // P[N > z] <= exp(-z^2 / 2)
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (NormalSurvival(middle) > tail ? low : high) = middle;
  }
  return high;
}

}  // namespace selvedge::privacy
