#include "privacy/audit/white_box.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace selvedge::privacy {
namespace {

constexpr size_t kLeastSamples = 100;
constexpr int kThresholds = 32;

struct Moments {
  double mean = 0;
  double variance = 0;
};

Moments MomentsOf(std::span<const double> samples) {
  Moments moments;
  for (const double x : samples) moments.mean += x;
  moments.mean /= static_cast<double>(samples.size());
  for (const double x : samples) moments.variance += (x - moments.mean) * (x - moments.mean);
  moments.variance /= static_cast<double>(samples.size() - 1);
  return moments;
}

// P[Bin(n, p) >= k].
double BinomialUpper(int64_t n, int64_t k, double p) {
  if (k <= 0) return 1;
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  double sum = 0;
  const double log_odds = std::log(p) - std::log1p(-p);
  const auto total = static_cast<double>(n);
  double log_term = std::lgamma(total + 1) - std::lgamma(static_cast<double>(k) + 1) -
                    std::lgamma(total - static_cast<double>(k) + 1) +
                    static_cast<double>(k) * std::log(p) +
                    (total - static_cast<double>(k)) * std::log1p(-p);
  for (int64_t j = k; j <= n; ++j) {
    const double term = std::exp(log_term);
    sum += term;
    // Past the mode the terms fall at least geometrically.
    if (static_cast<double>(j) > total * p && term < sum * 1e-17) break;
    log_term +=
        std::log((total - static_cast<double>(j)) / (static_cast<double>(j) + 1)) + log_odds;
  }
  return std::min(sum, 1.0);
}

// Clopper-Pearson lower bound of a rate with k hits out of n, at error probability `alpha`.
double RateLowerBound(int64_t k, int64_t n, double alpha) {
  double low = 0;
  double high = static_cast<double>(k) / static_cast<double>(n);
  for (int i = 0; i < 50 && k > 0; ++i) {
    const double middle = 0.5 * (low + high);
    (BinomialUpper(n, k, middle) < alpha ? low : high) = middle;
  }
  return low;
}

double RateUpperBound(int64_t k, int64_t n, double alpha) {
  return 1 - RateLowerBound(n - k, n, alpha);
}

struct Samples {
  std::vector<double> without;
  std::vector<double> with;
};

// Bound on epsilon by the test "with, if the statistic is above the threshold"; each of the two
// rates may be wrong with probability alpha / 2.
double BoundAt(double threshold, const Samples& samples, double delta, double alpha) {
  const auto above = [&](const std::vector<double>& values) {
    return std::count_if(values.begin(), values.end(), [&](double x) { return x > threshold; });
  };
  const double hits =
      RateLowerBound(above(samples.with), static_cast<int64_t>(samples.with.size()), alpha / 2);
  const double false_hits = RateUpperBound(above(samples.without),
                                           static_cast<int64_t>(samples.without.size()), alpha / 2);
  return hits > delta ? std::log((hits - delta) / false_hits) : 0;
}

// Picks the threshold on `training` and tests it on `fresh` samples, so that the confidence holds.
double OneSided(const Samples& training, const Samples& fresh, double delta, double alpha) {
  const auto [a, b] = std::minmax_element(training.without.begin(), training.without.end());
  const auto [c, d] = std::minmax_element(training.with.begin(), training.with.end());
  const double low = std::min(*a, *c);
  const double high = std::max(*b, *d);
  double best = -HUGE_VAL;
  double chosen = low;
  for (int i = 0; i < kThresholds; ++i) {
    const double threshold = low + (high - low) * (i + 0.5) / kThresholds;
    const double bound = BoundAt(threshold, training, delta, alpha);
    if (bound > best) {
      best = bound;
      chosen = threshold;
    }
  }
  return std::max(0.0, BoundAt(chosen, fresh, delta, alpha));
}

// The even or odd samples, times `sign`.
std::vector<double> Half(std::span<const double> samples, size_t parity, double sign) {
  std::vector<double> half;
  for (size_t i = parity; i < samples.size(); i += 2) half.push_back(sign * samples[i]);
  return half;
}

}  // namespace

double CanaryStatistic(std::span<const float> release, std::span<const float> direction,
                       double divisor, double clip_norm) {
  double dot = 0;
  for (size_t i = 0; i < std::min(release.size(), direction.size()); ++i) {
    dot += static_cast<double>(release[i]) * direction[i];
  }
  return dot * divisor / clip_norm;
}

Result<WhiteBoxAudit> AuditReleases(std::span<const double> without, std::span<const double> with) {
  if (without.size() < kLeastSamples || with.size() < kLeastSamples) {
    return UsageError("white-box audit: got " +
                      std::to_string(std::min(without.size(), with.size())) +
                      " releases of a kind, must be at least 100");
  }
  const Moments a = MomentsOf(without);
  const Moments b = MomentsOf(with);
  const auto n = static_cast<double>(without.size());
  const auto m = static_cast<double>(with.size());
  const double degrees = n + m - 2;
  WhiteBoxAudit audit;
  audit.shift = b.mean - a.mean;
  audit.noise_multiplier = std::sqrt(((n - 1) * a.variance + (m - 1) * b.variance) / degrees);
  audit.noise_standard_error = audit.noise_multiplier / std::sqrt(2 * degrees);
  audit.mu = audit.noise_multiplier > 0 ? audit.shift / audit.noise_multiplier : HUGE_VAL;
  audit.mu_standard_error = std::sqrt(1 / n + 1 / m + audit.mu * audit.mu / (2 * degrees));
  return audit;
}

Result<double> WhiteBoxEpsilonLowerBound(std::span<const double> without,
                                         std::span<const double> with, double delta,
                                         double confidence) {
  if (without.size() < kLeastSamples || with.size() < kLeastSamples) {
    return UsageError("white-box audit: got " +
                      std::to_string(std::min(without.size(), with.size())) +
                      " releases of a kind, must be at least 100");
  }
  if (!(delta >= 0 && delta < 1) || !(confidence > 0 && confidence < 1)) {
    return UsageError("white-box audit: got delta " + std::to_string(delta) + ", confidence " +
                      std::to_string(confidence) +
                      ", allowed: delta in [0, 1), confidence in (0, 1)");
  }
  // Both directions of the neighbouring relation share the error probability; in the second one
  // the roles are swapped and the axis is mirrored.
  const double alpha = (1 - confidence) / 2;
  const auto remove = [&](size_t parity) {
    return Samples{Half(without, parity, 1), Half(with, parity, 1)};
  };
  const auto add = [&](size_t parity) {
    return Samples{Half(with, parity, -1), Half(without, parity, -1)};
  };
  return std::max(OneSided(remove(0), remove(1), delta, alpha),
                  OneSided(add(0), add(1), delta, alpha));
}

}  // namespace selvedge::privacy
