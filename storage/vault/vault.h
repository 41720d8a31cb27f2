#pragma once
// One home on disk, opened: keys, database, ledger. Not thread-safe; several processes may have it
// open at once.
//
//   HOME/key.json       wrapped store key and the ledger's head
//   HOME/key            home's own key file
//   HOME/vault.db       encrypted database (+ -wal, -shm)
//   HOME/checkpoints/   encrypted checkpoints
//   HOME/adapters/<id>/ signed adapter folders
//   HOME/train.lock     held while training; HOME/reserve: see disk_reserve.h

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "storage/vault/consents.h"
#include "storage/vault/database.h"
#include "storage/vault/file_lock.h"
#include "storage/vault/jobs.h"
#include "storage/vault/key_provider.h"
#include "storage/vault/ledger.h"
#include "storage/vault/records.h"
#include "storage/vault/registry.h"
#include "storage/vault/settings.h"

namespace selvedge::vault {

class Vault {
 public:
  // Makes a home at `home`, which must not exist or be empty, and opens it. `fill` writes the first
  // settings. A crash leaves nothing at `home`.
  static Result<std::unique_ptr<Vault>> Create(const std::string& home, const KeySource& key,
                                               const std::function<Status(Vault&)>& fill);
  // kNotFound, kAuth, kKeyLost, kFormat, kIncompatible, kPolicy (folder of another user).
  static Result<std::unique_ptr<Vault>> Open(const std::string& home, const KeySource& key);

  // Runs `body` in one transaction, and brings key.json up to date if it appended to the ledger.
  Status Update(const std::function<Status()>& body);

  // Wraps the store key with another provider's key in the next epoch; the old key file or
  // passphrase no longer opens this home, nor does an old key.json beside the newer database.
  Status ChangeKey(const KeySource& key);

  // 256-bit keyed hash of texts under a secret of this home; `purpose` separates uses.
  Bytes KeyedHash(std::string_view purpose, std::string_view text) const;

  const std::string& home() const { return home_; }
  const std::string& provider() const { return provider_; }
  const Database& database() const { return *db_; }
  const Settings& settings() const { return *settings_; }
  const Consents& consents() const { return *consents_; }
  const Records& records() const { return *records_; }
  const Jobs& jobs() const { return *jobs_; }
  const Ledger& ledger() const { return *ledger_; }
  const Registry& registry() const { return *registry_; }
  const SecretKey& checkpoint_key() const { return checkpoint_key_; }

  // Chain, head and consents agree.
  Result<LedgerCheck> CheckLedger() const;

 private:
  Vault() = default;
  static Result<std::unique_ptr<Vault>> OpenWith(const std::string& home, SecretKey store_key,
                                                 std::string provider, uint64_t epoch, bool create);
  // kAuth if the database has seen a later epoch of key.json.
  Status CheckEpoch(uint64_t epoch);

  std::string home_;
  std::string provider_;
  SecretKey store_key_;
  SecretKey checkpoint_key_;
  SecretKey hash_key_;
  std::unique_ptr<Database> db_;
  std::unique_ptr<Settings> settings_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Consents> consents_;
  std::unique_ptr<Records> records_;
  std::unique_ptr<Jobs> jobs_;
  std::unique_ptr<Registry> registry_;
};

// Deletes a home for good: the key first, so that an interrupted erase leaves only ciphertext.
// kNotFound if there is no home; touches only what Selvedge wrote.
Status EraseHome(const std::string& home);

}  // namespace selvedge::vault
