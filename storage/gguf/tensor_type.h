#pragma once
// Names of ggml's tensor types beyond those that Selvedge reads, for error messages.

#include <cstdint>

#include <selvedge/status.h>

#include "core/dtype.h"

namespace selvedge::gguf {

// The type's geometry. kFormat (message without prefix) if `id` is removed from ggml or was never
// assigned; kIncompatible if ggml has the type and Selvedge does not.
Result<const core::DTypeInfo*> ReadableType(uint32_t id);

}  // namespace selvedge::gguf
