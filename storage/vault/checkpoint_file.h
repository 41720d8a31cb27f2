#pragma once
// A training checkpoint on disk: encrypted, bound to its job, replaced atomically with the one
// before kept. docs/formats/vault.md, section 5.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "storage/vault/secret.h"

namespace selvedge::vault {

// Writes `state` to PATH; what was there becomes PATH.prev. kIo, kNoSpace.
Status WriteCheckpoint(const std::string& path, const SecretKey& key, std::string_view job_id,
                       const std::vector<uint8_t>& state);

// Reads PATH or, if that is missing or damaged, PATH.prev. kNotFound if neither is there; kAuth if
// neither opens.
Result<std::vector<uint8_t>> ReadCheckpoint(const std::string& path, const SecretKey& key,
                                            std::string_view job_id);

// Removes both files; fine if they are not there.
void RemoveCheckpoint(const std::string& path);

}  // namespace selvedge::vault
