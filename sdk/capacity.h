#pragma once
// How many numbers a private run should train.
//
// Noise of the same size lands on every trained number, so its norm grows with the square root of
// their count, while what the groups agree on hardly does. A run with few groups or a small epsilon
// therefore does better with a smaller adapter.

#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "inference/model/model.h"

namespace selvedge {

struct Capacity {
  int rank = 0;
  std::vector<std::string> target_modules;  // PEFT names
  uint64_t parameters = 0;                  // that are trained
  double noise_to_signal = 0;               // 0 without dp
  std::string reason;                       // one clause for the owner
};

// The noise of a whole run beside a clipped gradient that all groups share: sigma sqrt(P) over
// (groups in a step) sqrt(steps). At full batch it does not depend on the number of steps.
double NoiseToSignal(const MechanismEvent& run, double groups_per_step, uint64_t parameters);

// The largest adapter whose noise is at most a quarter of the signal, of: all linear layers and the
// head at rank 8, 4, 2; o_proj, down_proj and the head at rank 2; the head at rank 1, which is a
// bias of the logits; the last if none is. Rank and modules that the options name are kept. Without
// dp: all linear layers at rank 8. kUsage for an unknown module.
Result<Capacity> ChooseCapacity(const TrainOptions& options, const inference::Model& model,
                                const MechanismEvent& run, double groups_per_step);

}  // namespace selvedge
