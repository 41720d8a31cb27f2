#pragma once
// manifest.json as bytes.

#include <cstddef>
#include <string>
#include <string_view>

#include <selvedge/status.h>

#include "adapters/lora.h"

namespace selvedge::adapters {

inline constexpr size_t kMaxManifestBytes = size_t{64} << 10;

// Canonical: keys sorted, no white space, shortest numbers that read back the same. The same
// manifest gives the same bytes.
std::string WriteManifest(const Manifest& manifest);

// Every field must be there with its type. A field that is not known is refused (kIncompatible)
// unless its name begins with "x_": those may be ignored. kFormat otherwise.
Result<Manifest> ReadManifest(std::string_view json);

}  // namespace selvedge::adapters
