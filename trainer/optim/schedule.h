#pragma once
// The learning rate over a run, and the defaults that were measured (docs/training.md).

#include <cstdint>

namespace selvedge::trainer {

struct Schedule {
  double peak = 0;
  int64_t steps = 1;
  int64_t warmup = 0;
  double final_fraction = 0;  // of the peak, reached after the last step

  // Rate of step `step` in [0, steps): linear warm-up, then half a cosine.
  double Rate(int64_t step) const;
};

// `learning_rate` 0 asks for the default of the mode.
Schedule MakeSchedule(bool dp, bool freeze_a, double learning_rate, int64_t steps);

}  // namespace selvedge::trainer
