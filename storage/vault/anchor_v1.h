#pragma once
// HOME/ledger.anchor: where homes of version 1 kept the ledger's head. Read once, by the upgrade.
//
//   offset 0, 8 bytes "SLVGANC1"; 8, u64 little-endian number of the newest row; 16, 32 bytes its
//   hash; 48, 32 bytes BLAKE2b-256 of bytes 0 to 47 under the ledger key

#include <string>

#include "storage/vault/key_blob.h"
#include "storage/vault/secret.h"

namespace selvedge::vault {

inline constexpr char kAnchorV1File[] = "/ledger.anchor";

// Its rows are LedgerHead::kLost if the file is missing or damaged.
LedgerHead ReadAnchorV1(const std::string& home, const SecretKey& ledger_key);

}  // namespace selvedge::vault
