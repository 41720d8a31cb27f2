#pragma once
// How fast this machine trains: steps on random tokens, whose outcome is dropped.

#include <cstdint>
#include <memory>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "inference/model/model.h"
#include "trainer/trainer.h"

namespace selvedge {

struct StepTimes {
  std::vector<double> tokens_per_s;      // of each step but the first, by the clock
  std::vector<double> tokens_per_cpu_s;  // by processor time
  std::vector<double> stop_gaps_ms;      // between two looks at whether to stop
  double loss = 0;                       // of the last step
};

// Runs config.plan.steps steps on `groups` groups of one window with `labels` label tokens each.
Result<StepTimes> TimeSteps(trainer::Trainer& trainer,
                            std::shared_ptr<const inference::Model> model,
                            const trainer::Config& config, int64_t groups, int64_t labels);

// Tokens per second of a private run on all linear layers at rank 8, from a few short steps.
Result<double> MeasureTrainSpeed(trainer::Trainer& trainer,
                                 std::shared_ptr<const inference::Model> model,
                                 const TrainOptions& options);

}  // namespace selvedge
