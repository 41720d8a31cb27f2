#include "sdk/participants.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "sdk/train_data.h"

namespace selvedge {
namespace {

constexpr double kLeastNoise = 0.05;
constexpr double kMostNoise = 1e4;
// Relative precision of the noise multiplier; the result is rounded up.
constexpr double kNoisePrecision = 1e-4;

// A crash between a charge and its checkpoint costs a step again: a planned run leaves room for a
// few of them, or it could never finish.
int64_t StepsWithRoomForRestarts(int64_t steps) { return steps + 1 + steps / 20; }

std::string Text(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

Result<double> EpsilonAfter(const BudgetClass& one, const MechanismEvent& event, double delta) {
  SELVEDGE_ASSIGN_OR_RETURN(const privacy::Spent cost, privacy::CostOf(event));
  return privacy::FilterEpsilon(privacy::Add(one.spent, cost), delta);
}

// The noise multiplier that the options and one class lead to; none if the class cannot pay.
Result<std::optional<double>> NoiseFor(const TrainOptions& o, const BudgetClass& one,
                                       double sampling_rate, int64_t steps,
                                       const HomeConfig& home) {
  const double left = home.epsilon_budget - one.epsilon;
  // With correlated noise a step that a crash lost is passed over, not done again.
  const int64_t room =
      o.mechanism == NoiseMechanism::kBlt ? steps : StepsWithRoomForRestarts(steps);
  if (o.epsilon == 0 && o.noise_multiplier > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(
        const double after,
        EpsilonAfter(one, {sampling_rate, o.noise_multiplier, steps}, home.delta));
    return after <= home.epsilon_budget ? std::optional<double>(o.noise_multiplier) : std::nullopt;
  }
  if (o.epsilon == 0) {
    if (IsRetired(one.epsilon, home.epsilon_budget)) return std::optional<double>();
    return NoiseThatFits(one, sampling_rate, room, home);
  }
  if (left < o.epsilon) return std::optional<double>();
  // What was asked for bounds this run alone; the filter, which holds for all runs together, may
  // want a little more noise.
  SELVEDGE_ASSIGN_OR_RETURN(const double asked,
                            ComputeNoiseMultiplier(o.epsilon, home.delta, sampling_rate, room));
  SELVEDGE_ASSIGN_OR_RETURN(const std::optional<double> fitting,
                            NoiseThatFits(one, sampling_rate, steps, home));
  return fitting ? std::optional<double>(std::max(asked, *fitting)) : std::nullopt;
}

Status Refusal(const TrainOptions& o, const std::vector<BudgetClass>& classes, int64_t able,
               const HomeConfig& home) {
  int64_t all = 0;
  for (const BudgetClass& one : classes) all += one.groups;
  const std::string who = std::to_string(able) + " of " + std::to_string(all) +
                          " groups have enough left for this run, at least " +
                          std::to_string(kMinTrainGroups) + " are needed";
  const double least = classes.empty() ? 0 : classes.front().epsilon;
  const std::string spent = "epsilon " + Text(least) + " of " + Text(home.epsilon_budget) +
                            " is spent by the group that has most left";
  const bool asks = o.epsilon > 0 || o.noise_multiplier > 0;
  return PolicyError("privacy budget: " + who + "; " + spent +
                     (asks ? ", ask for less epsilon or more noise, or add records"
                           : "; records that come in bring a budget of their own"));
}

}  // namespace

Result<std::optional<double>> NoiseThatFits(const BudgetClass& one, double sampling_rate,
                                            int64_t steps, const HomeConfig& home) {
  const auto fits = [&](double sigma) -> Result<bool> {
    SELVEDGE_ASSIGN_OR_RETURN(const double epsilon,
                              EpsilonAfter(one, {sampling_rate, sigma, steps}, home.delta));
    return epsilon <= home.epsilon_budget;
  };
  double high = kMostNoise;  // fits
  double low = kLeastNoise;
  SELVEDGE_ASSIGN_OR_RETURN(const bool possible, fits(high));
  if (!possible) return std::optional<double>();
  while (high / low > 1 + kNoisePrecision) {
    const double middle = std::sqrt(low * high);
    SELVEDGE_ASSIGN_OR_RETURN(const bool ok, fits(middle));
    (ok ? high : low) = middle;
  }
  return std::optional<double>(high);
}

void SetBatch(int64_t batch_size, int64_t groups, Participants* out) {
  const bool full = batch_size == 0 || batch_size >= groups;
  out->sampling_rate = full ? 1 : static_cast<double>(batch_size) / static_cast<double>(groups);
  out->divisor = static_cast<double>(full ? groups : batch_size);
}

Result<Participants> ChooseParticipants(const TrainOptions& options, int64_t steps,
                                        const std::vector<BudgetClass>& classes,
                                        const HomeConfig& home) {
  Participants best;
  double best_ratio = HUGE_VAL;  // noise for each unit of signal
  int64_t groups = 0;
  for (size_t k = 0; k < classes.size(); ++k) {
    Participants now;
    now.groups = groups + classes[k].groups;
    now.most_spent = classes[k].epsilon;
    SetBatch(options.batch_size, now.groups, &now);
    SELVEDGE_ASSIGN_OR_RETURN(std::optional<double> noise,
                              NoiseFor(options, classes[k], now.sampling_rate, steps, home));
    if (!noise) break;  // whoever spent more cannot pay either
    groups = now.groups;
    // The filter does not order classes strictly: make sure that the run fits all of them.
    for (size_t j = 0; j < k && noise; ++j) {
      SELVEDGE_ASSIGN_OR_RETURN(
          const double after,
          EpsilonAfter(classes[j], {now.sampling_rate, *noise, steps}, home.delta));
      if (after <= home.epsilon_budget) continue;
      SELVEDGE_ASSIGN_OR_RETURN(const std::optional<double> more,
                                NoiseFor(options, classes[j], now.sampling_rate, steps, home));
      noise = more ? std::optional<double>(std::max(*noise, *more)) : std::nullopt;
    }
    if (!noise) continue;
    now.noise_multiplier = *noise;
    const double ratio = *noise / now.divisor;
    if (ratio <= best_ratio || best.groups < kMinTrainGroups) {
      best = now;
      best_ratio = ratio;
    }
  }
  int64_t all = 0;
  for (const BudgetClass& one : classes) all += one.groups;
  if (best.groups == 0 || (best.groups < all && best.groups < kMinTrainGroups)) {
    return Refusal(options, classes, groups, home);
  }
  return best;
}

Result<int64_t> AffordableSteps(const std::vector<BudgetClass>& classes,
                                const MechanismEvent& event, const HomeConfig& home) {
  int64_t least = event.steps;
  for (const BudgetClass& one : classes) {
    SELVEDGE_ASSIGN_OR_RETURN(
        const privacy::BudgetFilter filter,
        privacy::BudgetFilter::Create(home.epsilon_budget, home.delta, one.spent));
    SELVEDGE_ASSIGN_OR_RETURN(const int64_t left, filter.StepsLeft(event));
    least = std::min(least, left);
  }
  return least;
}

}  // namespace selvedge
