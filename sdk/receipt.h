#pragma once
// The receipt of a private training run: what was released, what that costs at most and at least,
// and which ledger stands behind it, signed so that it can be checked without the home.
// docs/formats/receipt.md.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

#include "adapters/lora.h"
#include "adapters/store.h"
#include "privacy/correlated/correlation.h"
#include "storage/vault/key_blob.h"

namespace selvedge {

// PrivacyStatement::sampling of a run with correlated noise.
inline constexpr const char* kInTurns = "in-turns";

// What the manifest does not say of a run.
struct ReceiptFacts {
  std::vector<MechanismEvent> events;  // all releases of the run, repetitions included
  double clip_norm = 0;
  // Correlated noise, its steps, and the noise multiplier of each before it is correlated.
  std::optional<privacy::Correlation> correlation;
  int64_t steps = 0;
  double source_noise_multiplier = 0;
  double divisor = 0;
  int64_t groups = 0;
  std::vector<MechanismEvent> gate;  // noised answers of the gate; empty: it answered exactly
  int64_t judges = 0;                // held-out groups that paid for them
  double epsilon_budget = 0;         // of a group's lifetime, at the manifest's delta
  vault::LedgerHead ledger;          // the newest row when the run ended
};

// The two lines of receipt.json. The manifest's digests must be filled in.
Result<std::string> WriteReceipt(const adapters::Manifest& manifest, const ReceiptFacts& facts,
                                 const adapters::SigningKey& key);

}  // namespace selvedge
