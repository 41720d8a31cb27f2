#pragma once
// One row through several weights, adapters included, as one job for the threads.

#include <span>

#include "core/thread_pool.h"
#include "inference/session/adapter_set.h"
#include "inference/session/projection.h"

namespace selvedge::inference {

// As Project for m = 1.
void ProjectRow(core::ThreadPool& pool, const AdapterSet& adapters, const float* x,
                std::span<const Projection> projections);

}  // namespace selvedge::inference
