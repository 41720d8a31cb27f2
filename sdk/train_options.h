#pragma once
// Checks training options and turns module names into tensors of the base model.

#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "inference/model/model.h"

namespace selvedge {

// kUsage, naming the option, what was given and what is allowed.
Status CheckTrainOptions(const TrainOptions& options);

// GGUF names of the weights that PEFT's module names ("q_proj", ..., "all-linear") stand for,
// sorted. kUsage for an unknown name.
Result<std::vector<std::string>> TargetTensors(const inference::Model& model,
                                               const std::vector<std::string>& modules);

// The modules by PEFT's names, "all-linear" spelled out, in PEFT's order.
std::vector<std::string> TargetModules(const std::vector<std::string>& modules);

// Length of the vector that training changes: B [out, r] of every target, with A [r, in] if that is
// trained too.
uint64_t TrainedParameters(const inference::Model& model, const std::vector<std::string>& tensors,
                           int rank, bool freeze_a);

}  // namespace selvedge
