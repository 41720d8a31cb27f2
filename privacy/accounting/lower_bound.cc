#include "privacy/accounting/lower_bound.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "privacy/accounting/best_bound.h"
#include "privacy/accounting/normal.h"

namespace selvedge::privacy {
namespace {

// Participations further than this many standard deviations from their mean are left out: a smaller
// probability of detection, so still a lower bound.
constexpr double kSpread = 10;
constexpr double kDown = 1 - 1e-9;

// The sum of T releases, in units of the clip norm.
class SumOfReleases {
 public:
  explicit SumOfReleases(const MechanismEvent& event)
      : stddev_(event.noise_multiplier * std::sqrt(static_cast<double>(event.steps))) {
    const auto n = static_cast<double>(event.steps);
    const double q = event.sampling_rate;
    if (q >= 1) {
      weights_.emplace_back(n, 0.0);
      return;
    }
    const double around = kSpread * std::sqrt(n * q * (1 - q)) + kSpread;
    const double first = std::max(0.0, std::floor(n * q - around));
    const double last = std::min(n, std::ceil(n * q + around));
    for (double k = first; k <= last; ++k) {
      weights_.emplace_back(k, std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
                                   k * std::log(q) + (n - k) * std::log1p(-q));
    }
  }

  // ln of the likelihood ratio at s: the epsilon for which s is the best threshold.
  double Loss(double s) const {
    double largest = -HUGE_VAL;
    for (const auto& [k, log_weight] : weights_)
      largest = std::max(largest, Term(k, log_weight, s));
    double sum = 0;
    for (const auto& [k, log_weight] : weights_) sum += std::exp(Term(k, log_weight, s) - largest);
    return largest + std::log(sum);
  }

  // P[S > s | with] - e^Loss(s) P[S > s | without].
  double Delta(double s) const {
    double with = 0;
    for (const auto& [k, log_weight] : weights_) {
      with += std::exp(log_weight) * NormalSurvival((s - k) / stddev_);
    }
    return with - std::exp(Loss(s) + std::log(NormalSurvival(s / stddev_)));
  }

  double EpsilonAt(double delta) const {
    // Delta falls from the left to the right; on the far right it is 0.
    double low = -40 * stddev_;
    // Further out the tail underflows; a threshold that is too low only gives a smaller bound.
    double high = 37 * stddev_;
    if (!(Delta(low) > delta)) return 0;
    for (int i = 0; i < 100; ++i) {
      const double middle = 0.5 * (low + high);
      (Delta(middle) > delta ? low : high) = middle;
    }
    return std::max(0.0, Loss(low));
  }

 private:
  double Term(double k, double log_weight, double s) const {
    return log_weight + k * (2 * s - k) / (2 * stddev_ * stddev_);
  }

  double stddev_;
  std::vector<std::pair<double, double>> weights_;  // participations, ln of their probability
};

}  // namespace

Result<double> EpsilonLowerBound(const std::vector<MechanismEvent>& events, double delta) {
  SELVEDGE_RETURN_IF_ERROR(CheckEvents(events));
  if (!(delta > 0 && delta < 1)) {
    return UsageError("delta: got " + std::to_string(delta) + ", must be above 0 and below 1");
  }
  std::map<std::pair<double, double>, int64_t> steps;  // equal kinds are one
  for (const MechanismEvent& event : events) {
    if (event.sampling_rate > 0)
      steps[{event.sampling_rate, event.noise_multiplier}] += event.steps;
  }
  double most = 0;
  for (const auto& [kind, n] : steps) {
    most = std::max(most, SumOfReleases({kind.first, kind.second, n}).EpsilonAt(delta));
  }
  return most * kDown;
}

}  // namespace selvedge::privacy
