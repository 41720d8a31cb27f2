#pragma once
// Chooses what the owner did not: who takes part, how many groups a step takes, how many steps,
// how much noise, how large an adapter, and who judges it. From public numbers only: what each
// group has spent, how many there are, and how fast this machine is.

#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "inference/model/model.h"
#include "sdk/budget.h"
#include "sdk/home_impl.h"
#include "sdk/job_plan.h"

namespace selvedge {

struct PlanInputs {
  std::vector<BudgetClass> classes;  // of the groups that may train, least spent first
  std::vector<BudgetClass> judges;   // of those that are held out
  double seconds_per_group = 0;      // that a group adds to a step; needed for options.minutes
};

// Tokens of a record that one step reads.
int64_t SeqLen(const TrainOptions& options, int64_t context);

//   kPolicy    too few groups have budget left for what the options ask for
//   kUsage     delta is too large for this many groups
//   kDeferred  options.minutes are too few for a useful number of steps
Result<JobPlan> MakePlan(const TrainOptions& options, const PlanInputs& inputs,
                         const inference::Model& model, const HomeConfig& home);

}  // namespace selvedge
