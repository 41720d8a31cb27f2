#include "sdk/registry_entry.h"

namespace selvedge {

AdapterInfo RegistryEntry(const adapters::Manifest& manifest, const std::string& state,
                          const std::string& reason) {
  AdapterInfo info;
  info.id = manifest.id;
  info.parent = manifest.parent;
  info.base_digest = manifest.base_digest;
  info.rank = static_cast<int>(manifest.rank);
  info.alpha = manifest.alpha;
  info.target_modules = manifest.target_modules;
  info.dp = manifest.dp;
  info.privacy = manifest.privacy;
  info.created = manifest.created;
  info.state = state;
  info.reason = reason;
  info.sha256 = manifest.weights_sha256;
  return info;
}

}  // namespace selvedge
