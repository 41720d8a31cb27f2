#pragma once
// The append-only ledger of consent and privacy spending: rows chained by a keyed hash, whose head
// is also kept outside the database, in HOME/ledger.anchor. docs/formats/vault.md, section 4.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "storage/vault/database.h"
#include "storage/vault/secret.h"

namespace selvedge::vault {

struct LedgerRow {
  int64_t n = 0;        // 1, 2, 3, ...
  int64_t at = 0;       // ms
  std::string kind;     // "grant" | "revoke" | "plan" | "step" | "release"
  std::string subject;  // source or job id
  std::string body;     // JSON
  Bytes mac;            // 32 bytes
};

struct LedgerCheck {
  bool intact = false;
  std::string problem;  // what is wrong; empty if intact
};

class Ledger {
 public:
  Ledger(const Database* db, SecretKey key, std::string anchor_path)
      : db_(db), key_(std::move(key)), anchor_path_(std::move(anchor_path)) {}

  // Adds a row. Call inside a transaction; then, after its commit, AdvanceAnchor().
  Status Append(std::string_view kind, std::string_view subject, std::string_view body) const;

  // Writes the newest row's number and hash beside the database, synced, whatever was there.
  Status WriteAnchor() const;

  // WriteAnchor() if the ledger continues what was anchored. Otherwise the old anchor stays as the
  // evidence: a revocation in a rolled-back database is kept, and does not make it look whole.
  Status AdvanceAnchor() const;

  // Walks the whole chain and compares it with the anchor. A database behind its anchor was rolled
  // back; one ahead of it was written by us and then interrupted, which is fine.
  Result<LedgerCheck> Verify() const;

  // Rows of the kinds asked for, oldest first.
  Result<std::vector<LedgerRow>> Rows(const std::vector<std::string_view>& kinds) const;
  // Hex hash of the newest row, 64 zeros if there is none.
  Result<std::string> Head() const;

 private:
  Bytes Mac(const LedgerRow& row, const Bytes& previous) const;
  Result<LedgerRow> Newest() const;

  const Database* db_;
  SecretKey key_;
  std::string anchor_path_;
};

}  // namespace selvedge::vault
