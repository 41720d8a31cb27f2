#include "privacy/accounting/rdp.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace selvedge::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Below this multiplier the quadrature would need too many points; a chord replaces it.
constexpr double kSmallestQuadratureSigma = 0.05;
constexpr double kLargestRefinedOrder = 512;

// ln(e^a + e^b)
double LogAdd(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == -kInfinity ? a : a + std::log1p(std::exp(b - a));
}

// ln A for an integer order: A - 1 = sum_{k >= 2} C(order, k) (1-q)^(order-k) q^k
// (exp((k^2 - k) / (2 sigma^2)) - 1). Every term is positive, so nothing cancels.
double LogMomentInteger(double q, double sigma, int64_t order) {
  const double n = static_cast<double>(order);
  const double log_odds = std::log(q) - std::log1p(-q);
  double log_weight = n * std::log1p(-q);  // ln of C(order, k) (1-q)^(order-k) q^k, from k = 0
  double log_excess = -kInfinity;
  for (int64_t k = 1; k <= order; ++k) {
    const double j = static_cast<double>(k);
    log_weight += std::log((n - j + 1) / j) + log_odds;
    if (k < 2) continue;
    const double exponent = (j * j - j) / (2 * sigma * sigma);
    const double log_growth = exponent < 30 ? std::log(std::expm1(exponent))
                                            : exponent + std::log1p(-std::exp(-exponent));
    log_excess = LogAdd(log_excess, log_weight + log_growth);
  }
  return LogAdd(0, log_excess) + 1e-15 * n;
}

// ln A for a fractional order by the trapezoid rule on the defining integral, in the log domain.
// The integrand is analytic in the strip |Im x| < pi sigma^2 and falls off like a normal density
// around [0, order], so the rule converges geometrically: the step below leaves about e^-39.
double LogMomentQuadrature(double q, double sigma, double order) {
  const double step = std::min(sigma / 6, sigma * sigma / 2);
  const double start = -10 * sigma;
  const auto points = static_cast<int64_t>((order + 20 * sigma) / step) + 1;
  const double inverse = 1 / (2 * sigma * sigma);
  const double log_keep = std::log1p(-q);
  const double log_take = std::log(q);
  double peak = -kInfinity;
  double sum = 0;
  for (int64_t i = 0; i <= points; ++i) {
    const double x = start + static_cast<double>(i) * step;
    const double term =
        order * LogAdd(log_keep, log_take + (2 * x - 1) * inverse) - x * x * inverse;
    if (term > peak) {
      sum = sum * std::exp(peak - term) + 1;
      peak = term;
    } else {
      sum += std::exp(term - peak);
    }
  }
  const double log_moment = peak + std::log(sum * step / (sigma * std::sqrt(2 * std::numbers::pi)));
  return std::max(log_moment, 0.0) + 2e-15 * (1 + std::abs(peak));
}

double LogMoment(double q, double sigma, double order) {
  if (order == std::floor(order)) {
    return LogMomentInteger(q, sigma, static_cast<int64_t>(order));
  }
  if (sigma >= kSmallestQuadratureSigma) return LogMomentQuadrature(q, sigma, order);
  // ln A is convex in the order (Lyapunov) and 0 at order 1, so a chord bounds it from above.
  const double below = std::floor(order);
  const double low = below < 2 ? 0 : LogMomentInteger(q, sigma, static_cast<int64_t>(below));
  const double high = LogMomentInteger(q, sigma, static_cast<int64_t>(below) + 1);
  return low + (high - low) * (order - below);
}

// 1.001 ... 12 in a geometric progression of (order - 1), the integers to 32, then every tenth
// part more up to 4096.
std::vector<double> OrderGrid() {
  std::vector<double> orders;
  for (double excess = 1e-3; excess < 11; excess *= 1.3) orders.push_back(1 + excess);
  for (int order = 2; order <= 32; ++order) orders.push_back(order);
  for (double order = 35; order <= 4096; order *= 1.1) orders.push_back(std::floor(order));
  std::sort(orders.begin(), orders.end());
  return orders;
}

}  // namespace

double SampledGaussianRdp(double sampling_rate, double noise_multiplier, double order) {
  if (sampling_rate <= 0) return 0;
  if (sampling_rate >= 1) return order / (2 * noise_multiplier * noise_multiplier);
  return LogMoment(sampling_rate, noise_multiplier, order) / (order - 1);
}

double EpsilonFromRdp(double rdp, double order, double delta) {
  // Bretagnolle-Huber: delta(0) is the total variation distance, at most sqrt(1 - e^-KL), and KL is
  // at most the RDP of any order above 1.
  if (delta * delta > -std::expm1(-rdp)) return 0;
  const double epsilon =
      rdp + std::log1p(-1 / order) - (std::log(delta) + std::log(order)) / (order - 1);
  return std::max(epsilon, 0.0);
}

double RdpEpsilon(std::span<const MechanismEvent> events, double delta) {
  const auto epsilon_at = [&](double order) {
    double rdp = 0;
    for (const MechanismEvent& event : events) {
      rdp += static_cast<double>(event.steps) *
             SampledGaussianRdp(event.sampling_rate, event.noise_multiplier, order);
    }
    return EpsilonFromRdp(rdp, order, delta);
  };
  const std::vector<double> orders = OrderGrid();
  size_t best = 0;
  double epsilon = kInfinity;
  for (size_t i = 0; i < orders.size(); ++i) {
    const double at = epsilon_at(orders[i]);
    if (at < epsilon) {
      epsilon = at;
      best = i;
    }
  }
  if (epsilon == 0 || orders[best] > kLargestRefinedOrder) return epsilon;

  // Golden section between the neighbours of the best grid order. Every order gives a valid bound,
  // so the search needs no proof that the function has one minimum.
  double low = orders[best == 0 ? 0 : best - 1];
  double high = orders[std::min(best + 1, orders.size() - 1)];
  constexpr double kGolden = 0.6180339887498949;
  double left = high - kGolden * (high - low);
  double right = low + kGolden * (high - low);
  double at_left = epsilon_at(left);
  double at_right = epsilon_at(right);
  for (int i = 0; i < 25; ++i) {
    epsilon = std::min({epsilon, at_left, at_right});
    if (at_left < at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - kGolden * (high - low);
      at_left = epsilon_at(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + kGolden * (high - low);
      at_right = epsilon_at(right);
    }
  }
  return epsilon;
}

}  // namespace selvedge::privacy
