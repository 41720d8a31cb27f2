#pragma once
// What a run will need at its peak, decided before it starts.

#include <cstddef>
#include <cstdint>

#include "inference/model/model.h"
#include "trainer/lora/layout.h"

namespace selvedge::trainer {

struct MemoryPlan {
  size_t max_rows = 0;   // of a micro-batch (a longer sequence gets one of its own)
  size_t max_slots = 0;  // groups of a micro-batch
  size_t peak_bytes = 0;
  size_t recomputed_layers = 0;  // the first ones, whose inputs alone are kept
  bool keeps_tensors = false;    // between steps, instead of asking the system for them again
};

// Bytes that one row of a micro-batch holds between the forward and the end of the backward pass.
size_t RowBytes(const inference::Model& model, const LoraLayout& layout, size_t recomputed_layers);

// The fastest plan under `memory_limit_mb` (0 = none, but micro-batches of a modest size) for
// sequences of up to `longest_rows`: large micro-batches first, then as few recomputed layers as
// needed, then smaller micro-batches. kLimit, with the figure that is needed, if even one sequence
// at a time with every layer but the last recomputed would pass it. docs/training.md has the
// formula.
Result<MemoryPlan> PlanMemory(const inference::Model& model, const LoraLayout& layout,
                              size_t longest_rows, int threads, int64_t memory_limit_mb);

}  // namespace selvedge::trainer
