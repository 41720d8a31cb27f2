#pragma once
// The tables of the vault and their versions. docs/formats/vault.md, section 3.

#include <cstdint>

#include <selvedge/status.h>

#include "storage/vault/database.h"

namespace selvedge::vault {

inline constexpr int64_t kSchemaVersion = 4;

// Brings an empty or older database to kSchemaVersion, one transaction per version.
//   kIncompatible  newer than this SDK, or with triggers or views
//   kFormat        tables are missing
Status PrepareSchema(const Database& db);

}  // namespace selvedge::vault
