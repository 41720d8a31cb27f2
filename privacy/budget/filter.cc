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

// spent + steps * cost. Every product and sum is nudged up, so that rounding never loses a charge.
Spent Add(const Spent& spent, const Spent& cost, int64_t steps) {
  constexpr double kUp = 1 + 4e-16;
  const auto times = static_cast<double>(steps);
  Spent sum;
  for (size_t i = 0; i < kFilterOrders.size(); ++i) {
    sum.rdp[i] = (spent.rdp[i] + times * cost.rdp[i]) * kUp;
  }
  sum.mu_squared = (spent.mu_squared + times * cost.mu_squared) * kUp;
  const int64_t room = std::numeric_limits<int64_t>::max() - spent.sampled_steps;
  sum.sampled_steps =
      cost.sampled_steps == 0 ? spent.sampled_steps : spent.sampled_steps + std::min(room, steps);
  return sum;
}

}  // namespace

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

double BudgetFilter::EpsilonOf(const Spent& spent) const {
  const double rdp_delta = delta_ / 2 / static_cast<double>(kFilterOrders.size());
  double epsilon = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < kFilterOrders.size(); ++i) {
    epsilon = std::min(epsilon, EpsilonFromRdp(spent.rdp[i], kFilterOrders[i], rdp_delta));
  }
  if (spent.sampled_steps == 0) {
    epsilon = std::min(epsilon, GaussianEpsilon(std::sqrt(spent.mu_squared), delta_ / 2));
  }
  return epsilon;
}

double BudgetFilter::epsilon_spent() const { return EpsilonOf(spent_); }

Result<bool> BudgetFilter::WouldExceed(const MechanismEvent& event) const {
  SELVEDGE_RETURN_IF_ERROR(CheckEvents({event}));
  return EpsilonOf(Add(spent_, CostOfOneStep(event), event.steps)) > epsilon_;
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
  if (EpsilonOf(Add(spent_, cost, tried)) <= epsilon_) return tried;
  while (tried - fits > 1) {
    const int64_t middle = fits + (tried - fits) / 2;
    (EpsilonOf(Add(spent_, cost, middle)) <= epsilon_ ? fits : tried) = middle;
  }
  return fits;
}

}  // namespace selvedge::privacy
