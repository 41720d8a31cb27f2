#pragma once
// Judges one training run into which canaries were put, from what it released.
//
// Each of m canaries is a group whose gradient points along a coordinate of its own and is longer
// than the clip norm; it enters the run with probability 1/2. Its statistic at a step is the
// released coordinate in units of C: N(0, sigma^2) plus what the other groups add there, and 1 more
// if it was in. Two attackers are run on these numbers: one guesses from the sums over all steps
// who was in (one_run.h), one tells single releases apart (white_box.h). Besides, sigma and the
// shift are compared with the plan's.

#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

namespace selvedge::privacy {

struct CanaryRun {
  MechanismEvent event;  // what the plan says; full batches
  double delta = 0;
  std::vector<uint8_t> included;                // [m]
  std::vector<std::vector<double>> statistics;  // [T][m], CanaryStatistic of each release
};

struct CanaryVerdict {
  double epsilon_lower = 0;  // of the run, refuted at `confidence`
  double epsilon_upper = 0;  // of the run, by the accountant
  double confidence = 0;     // that both lower bounds hold
  double step_epsilon_lower = 0;
  double step_epsilon_upper = 0;
  int64_t guesses = 0;
  int64_t correct = 0;
  double noise_multiplier = 0;  // measured, with its standard error
  double noise_standard_error = 0;
  double shift = 0;
  double shift_standard_error = 0;
  std::vector<std::string> failures;  // empty: nothing speaks against the plan
};

// `confidence` in (0, 1). Sigma and shift count as wrong beyond kAuditStandardErrors, a false alarm
// in about two million audits. kUsage for a sampled event or too few canaries (at least 40).
Result<CanaryVerdict> JudgeCanaries(const CanaryRun& run, double confidence);

inline constexpr double kAuditStandardErrors = 5;

}  // namespace selvedge::privacy
