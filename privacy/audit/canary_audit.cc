#include "privacy/audit/canary_audit.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "privacy/audit/one_run.h"
#include "privacy/audit/white_box.h"

namespace selvedge::privacy {
namespace {

constexpr size_t kLeastCanaries = 40;
// Share of the canaries that the attacker guesses about: those with the most extreme sums.
constexpr size_t kGuessOneIn = 5;
constexpr double kMostSpread = 2;  // of the releases, in noise multipliers

std::string Text(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

Status Check(const CanaryRun& run) {
  if (run.event.sampling_rate < 1) {
    return UsageError("audit: sampling rate: got " + Text(run.event.sampling_rate) +
                      ", only full batches can be audited");
  }
  if (run.included.size() < kLeastCanaries) {
    return UsageError("audit: canaries: got " + std::to_string(run.included.size()) +
                      ", at least " + std::to_string(kLeastCanaries));
  }
  const bool complete =
      static_cast<int64_t>(run.statistics.size()) == run.event.steps &&
      std::all_of(run.statistics.begin(), run.statistics.end(),
                  [&](const auto& step) { return step.size() == run.included.size(); });
  return complete ? OkStatus() : InternalError("audit: releases are missing");
}

// Guesses "in" for the largest sums and "out" for the smallest, as many each.
OneRunAudit Guess(const CanaryRun& run) {
  const size_t m = run.included.size();
  std::vector<double> sums(m, 0);
  for (const auto& step : run.statistics) {
    for (size_t i = 0; i < m; ++i) sums[i] += step[i];
  }
  std::vector<size_t> order(m);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sums[a] < sums[b]; });
  const size_t each = m / kGuessOneIn / 2;
  OneRunAudit audit;
  audit.canaries = static_cast<int64_t>(m);
  audit.guesses = static_cast<int64_t>(2 * each);
  audit.delta = run.delta;
  for (size_t i = 0; i < each; ++i) {
    audit.correct += run.included[order[i]] == 0 ? 1 : 0;
    audit.correct += run.included[order[m - 1 - i]] != 0 ? 1 : 0;
  }
  return audit;
}

void CompareWithPlan(const MechanismEvent& event, CanaryVerdict* v) {
  const auto fail = [&](const std::string& what) { v->failures.push_back(what); };
  if (v->epsilon_lower > v->epsilon_upper) {
    fail("epsilon: the run shows at least " + Text(v->epsilon_lower) + ", the accountant allows " +
         Text(v->epsilon_upper));
  }
  if (v->step_epsilon_lower > v->step_epsilon_upper) {
    fail("epsilon of a step: shows at least " + Text(v->step_epsilon_lower) +
         ", the accountant allows " + Text(v->step_epsilon_upper));
  }
  const double slack = kAuditStandardErrors * v->noise_standard_error;
  if (v->noise_multiplier + slack < event.noise_multiplier) {
    fail("noise multiplier: measured " + Text(v->noise_multiplier) + ", the plan says " +
         Text(event.noise_multiplier));
  }
  // The records' own clipped gradients add a little to the spread; gradients that are not clipped
  // add far more.
  if (v->noise_multiplier - slack > kMostSpread * event.noise_multiplier) {
    fail("spread of the releases: measured " + Text(v->noise_multiplier) +
         " clip norms, noise of the plan and clipped gradients give less than " +
         Text(kMostSpread * event.noise_multiplier));
  }
  // Too small a shift protects better than the plan says, but then it is not the plan that ran.
  if (std::abs(v->shift - 1) > kAuditStandardErrors * v->shift_standard_error + 0.01) {
    fail("sensitivity: a group moves the sum by " + Text(v->shift) +
         " clip norms, must be 1 for a long gradient");
  }
}

}  // namespace

Result<CanaryVerdict> JudgeCanaries(const CanaryRun& run, double confidence) {
  SELVEDGE_RETURN_IF_ERROR(Check(run));
  CanaryVerdict v;
  v.confidence = confidence;
  SELVEDGE_ASSIGN_OR_RETURN(v.epsilon_upper, ComputeEpsilon({run.event}, run.delta));
  SELVEDGE_ASSIGN_OR_RETURN(v.step_epsilon_upper,
                            ComputeEpsilon({{1, run.event.noise_multiplier, 1}}, run.delta));
  // Both bounds share the probability of error.
  const double each = 1 - (1 - confidence) / 2;
  const OneRunAudit guessed = Guess(run);
  v.guesses = guessed.guesses;
  v.correct = guessed.correct;
  SELVEDGE_ASSIGN_OR_RETURN(const double by_guesses, OneRunEpsilonLowerBound(guessed, each));

  std::vector<double> with;
  std::vector<double> without;
  for (const auto& step : run.statistics) {
    for (size_t i = 0; i < step.size(); ++i) {
      (run.included[i] != 0 ? with : without).push_back(step[i]);
    }
  }
  SELVEDGE_ASSIGN_OR_RETURN(v.step_epsilon_lower,
                            WhiteBoxEpsilonLowerBound(without, with, run.delta, each));
  // Whoever sees the run sees each of its steps.
  v.epsilon_lower = std::max(by_guesses, v.step_epsilon_lower);
  SELVEDGE_ASSIGN_OR_RETURN(const WhiteBoxAudit measured, AuditReleases(without, with));
  v.noise_multiplier = measured.noise_multiplier;
  v.noise_standard_error = measured.noise_standard_error;
  v.shift = measured.shift;
  v.shift_standard_error =
      measured.noise_multiplier *
      std::sqrt(1 / static_cast<double>(with.size()) + 1 / static_cast<double>(without.size()));
  CompareWithPlan(run.event, &v);
  return v;
}

}  // namespace selvedge::privacy
