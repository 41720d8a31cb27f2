#pragma once
// Which model families the differentiable decoder (trainer/functions) can train.

#include <selvedge/status.h>

#include "inference/model/model.h"

namespace selvedge::trainer {

// kIncompatible, naming the architecture and what of it has no gradient here.
// Asked before anything is reserved or charged.
Status CheckTrainable(const inference::Model& model);

}  // namespace selvedge::trainer
