#pragma once
// Loads libselvedge_trainer.so, and LibTorch with it, on first use. The only place that does.

#include <memory>

#include <selvedge/status.h>

#include "trainer/trainer.h"

namespace selvedge {

// kNotFound: the library is not installed; kIncompatible: it cannot be loaded; kNoSpace: the
// process may not have the address space for it.
Result<std::unique_ptr<trainer::Trainer>> MakeTrainer();

}  // namespace selvedge
