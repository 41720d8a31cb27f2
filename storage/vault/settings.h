#pragma once
// Named values of a home: what it was created with, secrets of its own, counters.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <selvedge/status.h>

#include "storage/vault/database.h"

namespace selvedge::vault {

class Settings {
 public:
  explicit Settings(const Database* db) : db_(db) {}

  Status Set(std::string_view name, std::span<const uint8_t> value) const;
  Status SetText(std::string_view name, std::string_view value) const;
  Result<Bytes> Get(std::string_view name) const;  // kFormat if absent: every setting is written
  Result<std::string> GetText(std::string_view name) const;

  // Counters start at 0. Add is part of the caller's transaction.
  Status AddToCounter(std::string_view name) const;
  Result<int64_t> Counter(std::string_view name) const;

 private:
  const Database* db_;
};

// Bumped by whatever changes which adapter is active.
inline constexpr std::string_view kAdapterGeneration = "adapter_generation";
// Bumped by whatever takes records away: revocation, deletion, expiry.
inline constexpr std::string_view kRemovalEpoch = "removal_epoch";

// The owner's additions to redaction, as written; empty: none.
inline constexpr std::string_view kRedactionRules = "redaction_rules";

}  // namespace selvedge::vault
