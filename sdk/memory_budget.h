#pragma once
// EngineOptions::memory_limit_mb: what a model and a generation need, and whether that is allowed.

#include <cstdint>
#include <string>

#include <selvedge/engine.h>
#include <selvedge/status.h>

#include "inference/model/model.h"

namespace selvedge {

class MemoryBudget {
 public:
  explicit MemoryBudget(const EngineOptions& options);

  // Before the model is mapped: the file at `model_path` (empty = the embedded model) alone. kLimit
  // with the figure that is needed at least.
  Status CheckFile(const std::string& model_path) const;
  // A generation that comes to `positions` tokens, prompt included. kLimit with the figure.
  Status CheckGeneration(const inference::Model& model, int64_t positions) const;

 private:
  uint64_t limit_;         // bytes; 0 = none
  uint64_t prompt_cache_;  // bytes
  uint64_t threads_;
};

}  // namespace selvedge
