#pragma once
// EngineOptions::memory_limit_mb: what a model and a generation need, and whether that is allowed.

#include <atomic>
#include <cstdint>
#include <memory>
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

  // The keys and values of one generation, from Take to its end.
  using Share = std::shared_ptr<const void>;
  // For a generation that comes to `positions` tokens, prompt included. kLimit with the figure if
  // it is too large by itself, kBusy if it has no room beside those under way. Safe to use from
  // several threads.
  Result<Share> Take(const inference::Model& model, core::DType kv_type, int64_t positions);

 private:
  uint64_t limit_;         // bytes; 0 = none
  uint64_t prompt_cache_;  // bytes
  uint64_t threads_;
  std::shared_ptr<std::atomic<uint64_t>> taken_;  // bytes of generations under way
};

}  // namespace selvedge
