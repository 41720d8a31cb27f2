#pragma once
// Which held-out groups answer the gate of a private run, and with how much noise
// (trainer/job/gate_vote.h).

#include <cstdint>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "sdk/budget.h"
#include "sdk/home_impl.h"

namespace selvedge {

struct Judges {
  int64_t groups = 0;
  double most_spent = 0;  // groups that have spent at most this epsilon are asked
  double noise_multiplier = 0;
};

// Of the groups that can pay for an answer, those that make it surest: more votes are worth more,
// but a group that has little left asks for more noise for all. The noise is that of a single
// release of the run's `epsilon`, so no held-out group pays more for a run than one that trains;
// more where the groups have less left. `classes` least spent first.
//   kPolicy  no group has anything left
Result<Judges> ChooseJudges(double epsilon, const std::vector<BudgetClass>& classes,
                            const HomeConfig& home);

// Noise multiplier of a job's answer number `answer` (0-based). Only a crash after the charge and
// before the job's end makes it ask again, but it may: so that all answers together never cost more
// than one with `noise_multiplier`, they take 4/5, 4/25, 4/125, ... of its mu^2.
double NoiseOfAnswer(double noise_multiplier, int64_t answer);

}  // namespace selvedge
