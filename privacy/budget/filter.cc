#include "privacy/budget/filter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "privacy/accounting/best_bound.h"
#include "privacy/accounting/gaussian.h"
#include "privacy/accounting/rdp.h"

namespace selvedge::privacy {
namespace {

// The share of delta that belongs to mu^2; the orders get equal parts of the rest.
constexpr double kGaussianShare = 0.9;

Spent CostOfOneStep(const MechanismEvent& event) {
  Spent cost;
  for (size_t i = 0; i < kFilterOrders.size(); ++i) {
    cost.rdp[i] = SampledGaussianRdp(event.sampling_rate, event.noise_multiplier, kFilterOrders[i]);
  }
  if (event.sampling_rate >= 1) {
    cost.mu_squared = 1 / (event.noise_multiplier * event.noise_multiplier);
  } else if (event.sampling_rate > 0) {
    cost.sampled_steps = 1;
  }
  return cost;
}

}  // namespace

Result<Spent> CostOf(const MechanismEvent& event) {
  SELVEDGE_RETURN_IF_ERROR(CheckEvents({event}));
  return Add({}, CostOfOneStep(event), event.steps);
}

Spent Add(const Spent& spent, const Spent& cost, int64_t times) {
  // Every product and sum is nudged up, so that rounding never loses a charge.
  constexpr double kUp = 1 + 4e-16;
  const auto factor = static_cast<double>(times);
  Spent sum;
  for (size_t i = 0; i < kFilterOrders.size(); ++i) {
    sum.rdp[i] = (spent.rdp[i] + factor * cost.rdp[i]) * kUp;
  }
  sum.mu_squared = (spent.mu_squared + factor * cost.mu_squared) * kUp;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const bool fits =
      cost.sampled_steps == 0 || times <= (kMost - spent.sampled_steps) / cost.sampled_steps;
  sum.sampled_steps = fits ? spent.sampled_steps + times * cost.sampled_steps : kMost;
  return sum;
}

double FilterEpsilon(const Spent& spent, double delta) {
  const double rdp_delta = delta * (1 - kGaussianShare) / static_cast<double>(kFilterOrders.size());
  double epsilon = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < kFilterOrders.size(); ++i) {
    epsilon = std::min(epsilon, EpsilonFromRdp(spent.rdp[i], kFilterOrders[i], rdp_delta));
  }
  if (spent.sampled_steps == 0) {
    epsilon =
        std::min(epsilon, GaussianEpsilon(std::sqrt(spent.mu_squared), delta * kGaussianShare));
  }
  return epsilon;
}

Result<BudgetFilter> BudgetFilter::Create(double epsilon, double delta, const Spent& spent) {
  if (!(epsilon > 0 && std::isfinite(epsilon))) {
    return UsageError("privacy budget: epsilon: got " + std::to_string(epsilon) +
                      ", must be finite and above 0");
  }
  if (!(delta > 0 && delta < 1)) {
    return UsageError("privacy budget: delta: got " + std::to_string(delta) +
                      ", must be above 0 and below 1");
  }
  bool valid = spent.mu_squared >= 0 && std::isfinite(spent.mu_squared) && spent.sampled_steps >= 0;
  for (const double rdp : spent.rdp) valid = valid && rdp >= 0 && std::isfinite(rdp);
  if (!valid) {
    return UsageError("privacy budget: spent: got a negative or non-finite number");
  }
  return BudgetFilter(epsilon, delta, spent);
}

Result<bool> BudgetFilter::WouldExceed(const MechanismEvent& event) const {
  SELVEDGE_RETURN_IF_ERROR(CheckEvents({event}));
  return FilterEpsilon(Add(spent_, CostOfOneStep(event), event.steps), delta_) > epsilon_;
}

Status BudgetFilter::Charge(const MechanismEvent& event) {
  SELVEDGE_ASSIGN_OR_RETURN(const bool exceeds, WouldExceed(event));
  if (exceeds) {
    return PolicyError("privacy budget: " + std::to_string(event.steps) +
                       " more releases would pass epsilon " + std::to_string(epsilon_) +
                       ", spent so far " + std::to_string(epsilon_spent()));
  }
  spent_ = Add(spent_, CostOfOneStep(event), event.steps);
  return OkStatus();
}

Result<int64_t> BudgetFilter::StepsLeft(const MechanismEvent& event) const {
  SELVEDGE_RETURN_IF_ERROR(CheckEvents({event}));
  const Spent cost = CostOfOneStep(event);
  int64_t fits = 0;
  int64_t tried = event.steps;
  if (FilterEpsilon(Add(spent_, cost, tried), delta_) <= epsilon_) return tried;
  while (tried - fits > 1) {
    const int64_t middle = fits + (tried - fits) / 2;
    (FilterEpsilon(Add(spent_, cost, middle), delta_) <= epsilon_ ? fits : tried) = middle;
  }
  return fits;
}

}  // namespace selvedge::privacy
