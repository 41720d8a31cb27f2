#pragma once
// The configuration keys of a GGUF model, typed and bounded.

#include "inference/model/architecture.h"

namespace selvedge::inference {

// Reads <architecture>.* of `file`. kFormat: missing key, wrong type, values that contradict each
// other. kLimit: a size over its cap. kIncompatible: a feature that is not supported, by name.
Result<ModelConfig> ReadConfig(const gguf::File& file, const Architecture& architecture);

}  // namespace selvedge::inference
