#pragma once
// Looks for NaN and infinity in a tensor without multiplying with it.

#include "core/thread_pool.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

// True if every value (F32, F16, BF16) or every block's scale and minimum (f16) is finite. Types
// that no product takes count as finite.
bool AllFinite(core::ThreadPool& pool, const gguf::TensorInfo& tensor);

}  // namespace selvedge::inference
