#pragma once
// manifest.json as bytes.

#include <cstddef>
#include <nlohmann/json.hpp>
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

// The privacy statement as it stands in manifests and receipts; ReadPrivacy refuses fields that are
// missing, of another kind or not known, and says that they are of `what`.
nlohmann::json PrivacyJson(const PrivacyStatement& privacy);
Result<PrivacyStatement> ReadPrivacy(const nlohmann::json& json, const std::string& what);

}  // namespace selvedge::adapters
