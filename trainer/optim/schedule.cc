#include "trainer/optim/schedule.h"

#include <algorithm>
#include <cmath>

namespace selvedge::trainer {
namespace {

constexpr double kDpRate = 0.008;
constexpr double kPlainFrozenRate = 0.02;
constexpr double kPlainRate = 0.003;

}  // namespace

double Schedule::Rate(int64_t step) const {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  const double span = static_cast<double>(std::max<int64_t>(1, steps - warmup));
  const double done = static_cast<double>(step - warmup) / span;
  const double cosine = 0.5 * (1 + std::cos(3.141592653589793 * std::min(1.0, done)));
  return peak * (final_fraction + (1 - final_fraction) * cosine);
}

Schedule MakeSchedule(bool dp, bool freeze_a, double learning_rate, int64_t steps) {
  Schedule schedule;
  schedule.peak = learning_rate;
  if (learning_rate == 0) {
    schedule.peak = dp ? kDpRate : freeze_a ? kPlainFrozenRate : kPlainRate;
  }
  schedule.steps = steps;
  schedule.warmup = std::min<int64_t>(steps / 10, 10);
  schedule.final_fraction = 0;
  return schedule;
}

}  // namespace selvedge::trainer
