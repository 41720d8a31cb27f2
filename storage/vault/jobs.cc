#include "storage/vault/jobs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "storage/vault/ledger.h"
#include "storage/vault/rows.h"
#include "storage/vault/timestamp.h"

namespace selvedge::vault {
namespace {

constexpr const char* kSelect =
    "SELECT id, state, reason, config_hash, plan, created, updated, steps_done, steps_planned,"
    " adapter_id FROM jobs";

Job ReadJob(const Statement& s) {
  return {s.Text(0), s.Text(1), s.Text(2), s.Blob(3), s.Text(4),
          s.Int(5),  s.Int(6),  s.Int(7),  s.Int(8),  s.Text(9)};
}

std::string IdOf(const Statement& row) { return row.Text(0); }

}  // namespace

std::string GroupsDigest(const std::vector<Bytes>& groups) {
  std::vector<std::string> keys;
  for (const Bytes& key : groups) keys.push_back(core::Hex(key));
  std::sort(keys.begin(), keys.end());
  core::Sha256 hash;
  for (const std::string& key : keys) hash.Update(key).Update("\n");
  return core::Hex(hash.Finish());
}

Status Jobs::Insert(const Job& job) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement put,
      db_->Prepare("INSERT INTO jobs (id, state, reason, config_hash, plan, created, updated, "
                   "steps_done, steps_planned,"
                   " adapter_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  return put.Bind(std::string_view(job.id))
      .Bind(std::string_view(job.state))
      .Bind(std::string_view(job.reason))
      .Bind(std::span<const uint8_t>(job.config_hash))
      .Bind(std::string_view(job.plan))
      .Bind(job.created)
      .Bind(NowMs())
      .Bind(job.steps_done)
      .Bind(job.steps_planned)
      .Bind(std::string_view(job.adapter_id))
      .Run();
}

Status Jobs::Update(const Job& job) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement set,
      db_->Prepare("UPDATE jobs SET state = ?, reason = ?, updated = ?, steps_done = ?,"
                   " adapter_id = ? WHERE id = ?"));
  return set.Bind(std::string_view(job.state))
      .Bind(std::string_view(job.reason))
      .Bind(NowMs())
      .Bind(job.steps_done)
      .Bind(std::string_view(job.adapter_id))
      .Bind(std::string_view(job.id))
      .Run();
}

Result<Job> Jobs::Get(std::string_view id) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement get, db_->Prepare(std::string(kSelect) + " WHERE id = ?"));
  SELVEDGE_ASSIGN_OR_RETURN(const bool found, get.Bind(id).Step());
  if (!found) return NotFoundError("job: no job of this id");
  return ReadJob(get);
}

Result<std::vector<Job>> Jobs::List() const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement rows,
                            db_->Prepare(std::string(kSelect) + " ORDER BY created DESC, id DESC"));
  return ReadRows(rows, ReadJob);
}

Status Jobs::SetRecords(std::string_view job_id, const std::vector<JobRecord>& records) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement put,
      db_->Prepare("INSERT INTO job_records (job_id, seq, source) VALUES (?, ?, ?)"));
  for (const JobRecord& r : records) {
    put.Reset();
    SELVEDGE_RETURN_IF_ERROR(put.Bind(job_id).Bind(r.seq).Bind(std::string_view(r.source)).Run());
  }
  return OkStatus();
}

Result<std::vector<JobRecord>> Jobs::Records(std::string_view job_id) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT seq, source FROM job_records WHERE job_id = ? ORDER BY seq"));
  rows.Bind(job_id);
  return ReadRows(rows, [](const Statement& row) { return JobRecord{row.Int(0), row.Text(1)}; });
}

Status Jobs::SetGroups(std::string_view job_id, GroupPart part,
                       const std::vector<Bytes>& groups) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement put,
      db_->Prepare("INSERT INTO job_groups (job_id, group_key, part) VALUES (?, ?, ?)"));
  for (const Bytes& key : groups) {
    put.Reset();
    SELVEDGE_RETURN_IF_ERROR(put.Bind(job_id)
                                 .Bind(std::span<const uint8_t>(key))
                                 .Bind(static_cast<int64_t>(part))
                                 .Run());
  }
  return OkStatus();
}

Result<std::vector<Bytes>> Jobs::Groups(std::string_view job_id, GroupPart part) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare(
          "SELECT group_key FROM job_groups WHERE job_id = ? AND part = ? ORDER BY group_key"));
  rows.Bind(job_id).Bind(static_cast<int64_t>(part));
  return ReadRows(rows, [](const Statement& row) { return row.Blob(0); });
}

Result<bool> Jobs::GroupsMatch(const Ledger& ledger) const {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<LedgerRow> plans, ledger.Rows({"plan"}));
  for (const LedgerRow& plan : plans) {
    const auto body = nlohmann::json::parse(plan.body, nullptr, false);
    if (!body.is_object()) return false;
    if (!body.contains("groups_digest")) continue;
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<Bytes> train,
                              Groups(plan.subject, GroupPart::kTrains));
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<Bytes> judges,
                              Groups(plan.subject, GroupPart::kJudges));
    const bool names_judges = body.contains("judges_digest");
    if (body["groups_digest"] != GroupsDigest(train)) return false;
    if (names_judges ? body["judges_digest"] != GroupsDigest(judges) : !judges.empty()) {
      return false;
    }
  }
  return true;
}

Result<std::vector<std::string>> Jobs::UnfinishedWithSource(std::string_view source) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT id FROM jobs WHERE state IN ('running', 'stopped') AND id IN"
                   " (SELECT job_id FROM job_records WHERE source = ?)"));
  rows.Bind(source);
  return ReadRows(rows, IdOf);
}

Result<std::vector<std::string>> Jobs::UnfinishedWithRecord(int64_t seq) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT id FROM jobs WHERE state IN ('running', 'stopped') AND id IN"
                   " (SELECT job_id FROM job_records WHERE seq = ?)"));
  rows.Bind(seq);
  return ReadRows(rows, IdOf);
}

}  // namespace selvedge::vault
