#pragma once
// Who may be learnt from: one row per source and purpose, mirrored by ledger rows.

#include <string>
#include <string_view>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "storage/vault/database.h"
#include "storage/vault/ledger.h"

namespace selvedge::vault {

// The one purpose that training asks for.
inline constexpr std::string_view kPersonalization = "personalization";

class Consents {
 public:
  Consents(const Database* db, const Ledger* ledger) : db_(db), ledger_(ledger) {}

  // Grant and Revoke add a ledger row: call inside a ledgered transaction.
  Status Grant(std::string_view source, std::string_view purpose, int64_t retention_days) const;
  // kNotFound if it was never granted. Revoking twice is fine.
  Status Revoke(std::string_view source, std::string_view purpose) const;

  Result<std::vector<Consent>> List() const;

  // True if the table says what the ledger's grants and revocations add up to.
  Result<bool> MatchesLedger() const;

 private:
  const Database* db_;
  const Ledger* ledger_;
};

}  // namespace selvedge::vault
