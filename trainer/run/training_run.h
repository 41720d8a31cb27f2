#pragma once
// The loop: sample, gradients, clip and sum, charge, noise, update, checkpoint.

#include "trainer/trainer.h"

namespace selvedge::trainer {

// See Trainer::Check.
Status CheckTraining(const inference::Model& model, const std::vector<Group>& groups,
                     Config config);

// See Trainer::Run. Throws what LibTorch throws.
Result<Outcome> RunTraining(const inference::Model& model, const std::vector<Group>& groups,
                            Config config, const std::vector<uint8_t>& checkpoint, Host& host);

}  // namespace selvedge::trainer
