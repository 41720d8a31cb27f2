#pragma once
// Matrix products of one input with several weights, adapters included.

#include <span>

#include "core/thread_pool.h"
#include "inference/session/adapter_set.h"

namespace selvedge::inference {

// y[m, rows of weight] = x W^T + the adapters' terms.
struct Projection {
  const kernels::WeightView* weight;
  float* y;
};

// All projections of the same x [m, cols], m = adapters.size(): row t gets the terms of
// adapters[t]. For one token they are handed to the threads together, so that threads meet once and
// not once per weight.
void Project(core::ThreadPool& pool, std::span<const AdapterSet* const> adapters,
             kernels::RowSums sums, const float* x, std::span<const Projection> projections);

}  // namespace selvedge::inference
