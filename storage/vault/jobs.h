#pragma once
// Training jobs, their plans, and which records and groups each of them took in.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "storage/vault/database.h"

namespace selvedge::vault {

struct Job {
  std::string id;
  std::string state;  // "running" | "stopped" | "done" | "failed" | "cancelled"
  std::string reason;
  Bytes config_hash;    // of everything that a resumed run must share
  std::string plan;     // JSON of the caller
  int64_t created = 0;  // ms
  int64_t updated = 0;
  int64_t steps_done = 0;
  int64_t steps_planned = 0;
  std::string adapter_id;
};

// What a group does in a job. No group does both: held-out ones never train.
enum class GroupPart : int64_t { kTrains = 0, kJudges = 1 };

struct JobRecord {
  int64_t seq = 0;
  std::string source;
};

// Hex SHA-256 over the keys in hex, sorted, each with a line end: what the ledger remembers of
// them.
std::string GroupsDigest(const std::vector<Bytes>& groups);

class Ledger;

class Jobs {
 public:
  explicit Jobs(const Database* db) : db_(db) {}

  Status Insert(const Job& job) const;
  // Writes state, reason, steps_done and adapter_id; sets `updated`.
  Status Update(const Job& job) const;
  Result<Job> Get(std::string_view id) const;  // kNotFound
  Result<std::vector<Job>> List() const;       // newest first

  // The records of a job, written once when it starts.
  Status SetRecords(std::string_view job_id, const std::vector<JobRecord>& records) const;
  Result<std::vector<JobRecord>> Records(std::string_view job_id) const;

  // The groups of a job, written once when it starts.
  Status SetGroups(std::string_view job_id, GroupPart part, const std::vector<Bytes>& groups) const;
  Result<std::vector<Bytes>> Groups(std::string_view job_id, GroupPart part) const;  // by key

  // Whether each private job's groups are those that its plan row in the ledger names. Rows of
  // version 1 name none.
  Result<bool> GroupsMatch(const Ledger& ledger) const;

  // Jobs that can still be resumed ("running" or "stopped") and took in the record or the source.
  Result<std::vector<std::string>> UnfinishedWithSource(std::string_view source) const;
  Result<std::vector<std::string>> UnfinishedWithRecord(int64_t seq) const;

 private:
  const Database* db_;
};

}  // namespace selvedge::vault
