#pragma once
// The append-only ledger of consent and privacy spending: rows chained by a keyed hash, whose head
// is also kept outside the database, in HOME/key.json. docs/formats/vault.md, section 4.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "storage/vault/database.h"
#include "storage/vault/key_blob.h"
#include "storage/vault/secret.h"

namespace selvedge::vault {

struct LedgerRow {
  int64_t n = 0;        // 1, 2, 3, ...
  int64_t at = 0;       // ms
  std::string kind;     // "grant" | "revoke" | "plan" | "step" | "gate" | "release"
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
  Ledger(const Database* db, SecretKey key, std::string key_path)
      : db_(db), key_(std::move(key)), key_path_(std::move(key_path)) {}

  // Adds a row. Call inside a transaction; then, after its commit, AdvanceHead().
  Status Append(std::string_view kind, std::string_view subject, std::string_view body) const;

  // Writes the newest row's number and hash into key.json, synced, whatever was there.
  Status WriteHead() const;

  // WriteHead() if the ledger continues what key.json remembers. Otherwise the old head stays as
  // the evidence: a revocation in a rolled-back database is kept, and does not make it look whole.
  Status AdvanceHead() const;

  // Walks the whole chain and compares it with key.json. A database behind that head was rolled
  // back; one ahead of it was written by us and then interrupted, which is fine.
  Result<LedgerCheck> Verify() const;

  // Rows of the kinds asked for (all if none is named), oldest first.
  Result<std::vector<LedgerRow>> Rows(const std::vector<std::string_view>& kinds) const;
  // Hex hash of the newest row, 64 zeros if there is none.
  Result<std::string> Head() const;
  // The same with the row's number, and what key.json remembers of it (kAuth if damaged).
  Result<LedgerHead> NewestHead() const;
  Result<LedgerHead> RecordedHead() const;

 private:
  Bytes Mac(const LedgerRow& row, const Bytes& previous) const;
  Result<LedgerRow> Newest() const;

  const Database* db_;
  SecretKey key_;
  std::string key_path_;
};

}  // namespace selvedge::vault
