#pragma once
// Looks for NaN and infinity in a tensor without multiplying with it.

#include "core/thread_pool.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

// True if every value (F32, F16, BF16) or every block scale (Q8_0, Q4_0: an f16 at the start of
// each block) is finite. Other types count as finite.
bool AllFinite(core::ThreadPool& pool, const gguf::TensorInfo& tensor);

}  // namespace selvedge::inference
