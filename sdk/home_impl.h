#pragma once
// What a Home holds. The mutex serialises every use of the vault; training lets go of it between
// its database accesses, so that a program can generate while it trains.

#include <memory>
#include <mutex>
#include <string>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "adapters/store.h"
#include "sdk/base_model.h"
#include "storage/vault/vault.h"

namespace selvedge {

// What a home was created with; never changes.
struct HomeConfig {
  std::string unit;
  double epsilon_budget = 0;
  double delta = 0;
  std::string base_digest;
  std::string model_path;  // absolute, or empty for the embedded model
  adapters::PublicKey public_key{};
};

struct Home::Impl {
  Impl(std::unique_ptr<vault::Vault> opened, HomeConfig read)
      : vault(std::move(opened)), config(std::move(read)) {}

  // For the engine. The counter changes whenever another adapter (or none) becomes active, in this
  // process or another; reading it costs one lookup.
  Result<int64_t> RegistryGeneration();
  Result<std::string> ActiveAdapterId();  // empty = the base alone
  // kNotFound, or kPolicy if the adapter is rejected or retired.
  Status CheckUsable(const std::string& id);
  // Reads and verifies an adapter of the registry. kNotFound; kPolicy if rejected or retired;
  // otherwise as adapters::ReadAdapter.
  Result<adapters::StoredAdapter> LoadAdapter(const std::string& id, const std::string& base_digest,
                                              const adapters::BaseShape& shape);

  // The key that signs this home's adapters. kFormat if the vault's is damaged.
  Result<adapters::SigningKey> ReadSigningKey();

  // The home's base model, loaded on first use. kIncompatible if the file is no longer the model
  // that the home was made for.
  Result<std::shared_ptr<const BaseModel>> Base();

  // kPolicy if the ledger was tampered with: then nothing is stored or trained. Needs the mutex.
  Status RequireIntactLedger();
  // Deletes the weights of retired adapters; their registry rows stay.
  void RemoveAdapterFiles(const std::vector<std::string>& ids);
  // Removes folders of adapters/ without a registry row: what a crash left half written. Call
  // inside a vault update; who writes a folder registers it inside the same one.
  Status RemoveOrphanFolders();
  std::string AdapterFolder(const std::string& id) const;
  std::string CheckpointPath(const std::string& job_id) const;
  // What counts up whenever records were removed or consent was withdrawn. Needs the mutex.
  Result<int64_t> RemovalEpoch();
  // Saved prompt caches hold what adapters knew, so they go when the data of adapters goes.
  void RemovePromptCaches();

  std::mutex mutex;
  const std::unique_ptr<vault::Vault> vault;
  const HomeConfig config;

 private:
  std::mutex base_mutex_;
  std::shared_ptr<const BaseModel> base_;
};

// Files of checkpoints/ that begin so are prompt caches.
inline constexpr char kPromptCachePrefix[] = "prompt-cache-";

// "a-20260301T093000Z-1a2b3c4d": when, and 32 random bits, so that the same weights may come in
// twice.
Result<std::string> NewAdapterId(const std::string& created);

// What is wrong with the ledger, followed by what that means and what to do.
std::string LedgerAdvice(const std::string& problem);

// Head counts and sizes that PEFT files need, from a loaded model.
adapters::BaseShape ShapeOf(const inference::Model& model);

}  // namespace selvedge
