#pragma once
// The adapters of a home and which of them is active. The weights lie in HOME/adapters/<id>/.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "storage/vault/database.h"
#include "storage/vault/settings.h"

namespace selvedge::vault {

class Registry {
 public:
  Registry(const Database* db, const Settings* settings) : db_(db), settings_(settings) {}

  // info.state is "available" or "rejected". `job_id` is empty for an adapter from elsewhere.
  Status Insert(const AdapterInfo& info, std::string_view job_id) const;
  Result<AdapterInfo> Get(std::string_view id) const;  // kNotFound
  Result<std::vector<AdapterInfo>> List() const;       // newest first
  // Forgets it; it must not be active (kPolicy).
  Status Remove(std::string_view id) const;

  // Id of the active adapter; empty = the base alone.
  Result<std::string> Active() const;
  // Empty id deactivates. kPolicy for rejected and retired adapters, kNotFound.
  // Call inside a transaction, like every function below.
  Status Activate(std::string_view id) const;
  // Makes active what was active before and can still be used; returns its id (empty = base alone).
  // kNotFound if nothing was activated yet.
  Result<std::string> Rollback() const;

  // Retires adapters whose job took in a record of the source, or the record. Returns their ids;
  // a retired adapter that was active gives way to the base alone.
  Result<std::vector<std::string>> RetireBySource(std::string_view source,
                                                  std::string_view reason) const;
  Result<std::vector<std::string>> RetireByRecord(int64_t seq, std::string_view reason) const;

 private:
  Result<std::vector<std::string>> Retire(const std::vector<std::string>& ids,
                                          std::string_view reason) const;
  Status Push(std::string_view id) const;

  const Database* db_;
  const Settings* settings_;
};

}  // namespace selvedge::vault
