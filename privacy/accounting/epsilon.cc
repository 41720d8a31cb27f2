// The calculators of <selvedge/privacy.h>: the smallest of all valid bounds, and its inverse.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <selvedge/privacy.h>

#include "privacy/accounting/best_bound.h"
#include "privacy/accounting/gaussian.h"
#include "privacy/accounting/pld.h"
#include "privacy/accounting/rdp.h"

namespace selvedge {
namespace privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Multipliers outside are refused: below, epsilon is beyond any meaning; above, nothing is learned.
constexpr double kLeastSigma = 1e-3;
constexpr double kMostSigma = 1e9;

std::string Got(double value) { return std::to_string(value); }

Status CheckEvent(const MechanismEvent& event, size_t index) {
  const std::string where = "mechanism event " + std::to_string(index) + ": ";
  if (!(event.sampling_rate >= 0 && event.sampling_rate <= 1)) {
    return UsageError(where + "sampling rate: got " + Got(event.sampling_rate) +
                      ", must be in [0, 1]");
  }
  if (!(event.noise_multiplier >= kLeastSigma && event.noise_multiplier <= kMostSigma)) {
    return UsageError(where + "noise multiplier: got " + Got(event.noise_multiplier) +
                      ", must be in [0.001, 1e9]");
  }
  if (event.steps < 1) {
    return UsageError(where + "steps: got " + std::to_string(event.steps) + ", must be at least 1");
  }
  return OkStatus();
}

Status CheckDelta(double delta) {
  if (delta > 0 && delta < 1) return OkStatus();
  return UsageError("delta: got " + Got(delta) + ", must be above 0 and below 1");
}

// mu of the full-batch releases among the events; the others are counted in `sampled`.
double FullBatchMu(const std::vector<MechanismEvent>& events, size_t& sampled) {
  double mu_squared = 0;
  sampled = 0;
  for (const MechanismEvent& event : events) {
    if (event.sampling_rate >= 1) {
      mu_squared +=
          static_cast<double>(event.steps) / (event.noise_multiplier * event.noise_multiplier);
    } else if (event.sampling_rate > 0) {
      ++sampled;
    }
  }
  return std::sqrt(mu_squared);
}

}  // namespace

Status CheckEvents(const std::vector<MechanismEvent>& events) {
  for (size_t i = 0; i < events.size(); ++i) SELVEDGE_RETURN_IF_ERROR(CheckEvent(events[i], i));
  return OkStatus();
}

Result<EpsilonBound> BestEpsilon(const std::vector<MechanismEvent>& events, double delta,
                                 Accountant accountant) {
  SELVEDGE_RETURN_IF_ERROR(CheckDelta(delta));
  SELVEDGE_RETURN_IF_ERROR(CheckEvents(events));
  if (accountant == Accountant::kRdp) return EpsilonBound{RdpEpsilon(events, delta), "rdp"};
  size_t sampled = 0;
  const double mu = FullBatchMu(events, sampled);
  // Without sampling the closed form is the exact value, which no other bound can beat.
  if (sampled == 0) {
    return EpsilonBound{GaussianEpsilon(mu, delta),
                        accountant == Accountant::kPld ? "pld" : "gaussian"};
  }
  const EpsilonBound pld{PldEpsilon(events, delta), "pld"};
  if (accountant == Accountant::kPld) {
    if (pld.epsilon < kInfinity) return pld;
    return UsageError("delta: got " + Got(delta) +
                      ", too small for the PLD accountant here; use the RDP accountant");
  }
  const EpsilonBound rdp{RdpEpsilon(events, delta), "rdp"};
  return rdp.epsilon < pld.epsilon ? rdp : pld;
}

}  // namespace privacy

Result<double> ComputeEpsilon(const std::vector<MechanismEvent>& events, double delta,
                              Accountant accountant) {
  SELVEDGE_ASSIGN_OR_RETURN(const privacy::EpsilonBound bound,
                            privacy::BestEpsilon(events, delta, accountant));
  return bound.epsilon;
}

Result<double> ComputeNoiseMultiplier(double epsilon, double delta, double sampling_rate,
                                      int64_t steps, Accountant accountant) {
  if (!(epsilon > 0 && std::isfinite(epsilon))) {
    return UsageError("epsilon: got " + privacy::Got(epsilon) + ", must be finite and above 0");
  }
  if (!(sampling_rate > 0 && sampling_rate <= 1)) {
    return UsageError("sampling rate: got " + privacy::Got(sampling_rate) +
                      ", must be above 0 and at most 1");
  }
  Status failed;
  // ln(epsilon(sigma) / epsilon), the function whose root is sought; falls as sigma grows.
  const auto excess = [&](double sigma) {
    const Result<double> at = ComputeEpsilon({{sampling_rate, sigma, steps}}, delta, accountant);
    if (!at.ok()) {
      failed = at.status();
      return -privacy::kInfinity;
    }
    return *at > 0 ? std::log(*at / epsilon) : -privacy::kInfinity;
  };
  double low = 1;
  double high = 1;
  double at_low = excess(1);
  double at_high = at_low;
  while (failed.ok() && at_high > 0 && high < privacy::kMostSigma) {
    low = high;
    at_low = at_high;
    high = std::min(high * 2, privacy::kMostSigma);
    at_high = excess(high);
  }
  while (failed.ok() && at_low <= 0 && low > privacy::kLeastSigma) {
    high = low;
    at_high = at_low;
    low = std::max(low / 2, privacy::kLeastSigma);
    at_low = excess(low);
  }
  if (failed.ok() && at_high > 0) {
    failed = UsageError("epsilon: got " + privacy::Got(epsilon) + ", no noise is large enough");
  }
  // Invariant: epsilon(high) <= epsilon was computed, so the answer is verified by construction.
  // Regula falsi on the log-log curve, which is nearly straight, with a bisection every third turn.
  for (int turn = 0; failed.ok() && at_low > 0 && high / low > 1 + 5e-5 && turn < 100; ++turn) {
    double share = 0.5;
    if (turn % 3 != 2 && std::isfinite(at_low) && std::isfinite(at_high)) {
      share = std::clamp(at_low / (at_low - at_high), 0.0, 1.0);
      // Aim a little to the side where the bracket is long, so that both ends move.
      share = share > 0.5 ? std::max(0.5, share - 2e-5 / std::log(high / low))
                          : std::min(0.5, share + 2e-5 / std::log(high / low));
    }
    const double sigma = low * std::pow(high / low, share);
    const double at = excess(sigma);
    (at > 0 ? low : high) = sigma;
    (at > 0 ? at_low : at_high) = at;
  }
  if (!failed.ok()) return failed;
  return high;
}

}  // namespace selvedge
