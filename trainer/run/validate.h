#pragma once
// Refuses what cannot be trained on before anything is computed.

#include <cstddef>

#include "trainer/trainer.h"

namespace selvedge::trainer {

// kUsage: no groups, a step count, rate or learning rate out of range, tokens and labels of
// different lengths, a token outside the vocabulary. kLimit: a sequence longer than the model's
// context. Never names content. Returns the rows of the longest sequence.
Result<size_t> ValidateRun(const inference::ModelConfig& model, const std::vector<Group>& groups,
                           const Config& config);

}  // namespace selvedge::trainer
