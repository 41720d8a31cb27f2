#pragma once
// Who takes part in a private run, and how much noise that asks for.

#include <cstdint>
#include <optional>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "sdk/budget.h"
#include "sdk/home_impl.h"

namespace selvedge {

struct Participants {
  int64_t groups = 0;
  double most_spent = 0;     // groups that have spent at most this epsilon take part
  double sampling_rate = 1;  // of one step
  double divisor = 1;        // public nominal batch size
  double noise_multiplier = 0;
};

// The share of `groups` that a step takes: all, or an expected `batch_size` of them.
void SetBatch(int64_t batch_size, int64_t groups, Participants* out);

// Smallest noise multiplier with which `steps` more releases stay within the class's budget; none
// if even the most does not.
Result<std::optional<double>> NoiseThatFits(const BudgetClass& one, double sampling_rate,
                                            int64_t steps, const HomeConfig& home);

// Of the groups that can pay for the run, those that give it the best ratio of signal to noise: a
// group that has little left asks for more noise than it adds signal. `classes` least spent first.
//   kPolicy  too few groups have enough left for what `options` ask for
Result<Participants> ChooseParticipants(const TrainOptions& options, int64_t steps,
                                        const std::vector<BudgetClass>& classes,
                                        const HomeConfig& home);

// How many more steps all of these classes can pay for, at most `event.steps`.
Result<int64_t> AffordableSteps(const std::vector<BudgetClass>& classes,
                                const MechanismEvent& event, const HomeConfig& home);

}  // namespace selvedge
