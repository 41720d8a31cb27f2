#pragma once
// Whether a model's weights stay in the pages of their file or move to huge pages.

#include <cstdint>

#include <selvedge/engine.h>

#include "core/mapped_file.h"
#include "core/thread_pool.h"

namespace selvedge {

// The bytes that were moved. kOn: kIncompatible where the system gives no huge pages, kLimit if
// memory is out. kAuto: nothing is moved where it would not pay or memory is short.
Result<uint64_t> PlaceWeights(const core::MappedFile& file, HugePages wanted,
                              core::ThreadPool& pool);

}  // namespace selvedge
