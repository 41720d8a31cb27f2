#pragma once
// What the registry keeps of an adapter.

#include <string>

#include <selvedge/home.h>

#include "adapters/manifest.h"

namespace selvedge {

// `state` as in AdapterInfo; `reason` says where the adapter comes from or what the gate said.
AdapterInfo RegistryEntry(const adapters::Manifest& manifest, const std::string& state,
                          const std::string& reason);

}  // namespace selvedge
