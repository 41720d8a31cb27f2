#include "storage/vault/registry.h"

#include <nlohmann/json.hpp>

#include "storage/vault/rows.h"
#include "storage/vault/timestamp.h"

namespace selvedge::vault {
namespace {

using Json = nlohmann::ordered_json;

std::string PrivacyToJson(const PrivacyStatement& p) {
  return Json{{"unit", p.unit},
              {"epsilon", p.epsilon},
              {"delta", p.delta},
              {"accountant", p.accountant},
              {"sampling", p.sampling},
              {"sampling_rate", p.sampling_rate},
              {"noise_multiplier", p.noise_multiplier},
              {"steps", p.steps},
              {"neighbouring", p.neighbouring}}
      .dump();
}

// The row was written by us and is authenticated with its page; absent fields keep their defaults.
PrivacyStatement PrivacyFromJson(const std::string& text) {
  PrivacyStatement p;
  const Json j = Json::parse(text, nullptr, false);
  if (!j.is_object()) return p;
  p.unit = j.value("unit", p.unit);
  p.epsilon = j.value("epsilon", p.epsilon);
  p.delta = j.value("delta", p.delta);
  p.accountant = j.value("accountant", p.accountant);
  p.sampling = j.value("sampling", p.sampling);
  p.sampling_rate = j.value("sampling_rate", p.sampling_rate);
  p.noise_multiplier = j.value("noise_multiplier", p.noise_multiplier);
  p.steps = j.value("steps", p.steps);
  p.neighbouring = j.value("neighbouring", p.neighbouring);
  return p;
}

std::vector<std::string> NamesFromJson(const std::string& text) {
  const Json j = Json::parse(text, nullptr, false);
  std::vector<std::string> out;
  if (!j.is_array()) return out;
  for (const Json& name : j) {
    if (name.is_string()) out.push_back(name.get<std::string>());
  }
  return out;
}

AdapterInfo ReadAdapterRow(const Statement& s, const std::string& active) {
  AdapterInfo a;
  a.id = s.Text(0);
  a.parent = s.Text(1);
  a.base_digest = s.Text(2);
  a.rank = static_cast<int>(s.Int(3));
  a.alpha = s.Real(4);
  a.target_modules = NamesFromJson(s.Text(5));
  a.dp = s.Int(6) != 0;
  a.privacy = PrivacyFromJson(s.Text(7));
  a.created = FormatTime(s.Int(8));
  a.state = a.id == active ? "active" : s.Text(9);
  a.reason = s.Text(10);
  a.sha256 = s.Text(11);
  return a;
}

constexpr const char* kSelect =
    "SELECT id, parent, base_digest, rank, alpha, target_modules, dp, privacy, created, state,"
    " reason, sha256 FROM adapters";

std::string IdOf(const Statement& row) { return row.Text(0); }

}  // namespace

Status Registry::Insert(const AdapterInfo& info, std::string_view job_id) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement put,
      db_->Prepare("INSERT INTO adapters (id, parent, job_id, base_digest, rank, alpha,"
                   " target_modules, dp, privacy, created, state, reason, sha256)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t created, ParseTime(info.created));
  const std::string modules = Json(info.target_modules).dump();
  const std::string privacy = PrivacyToJson(info.privacy);
  return put.Bind(std::string_view(info.id))
      .Bind(std::string_view(info.parent))
      .Bind(job_id)
      .Bind(std::string_view(info.base_digest))
      .Bind(static_cast<int64_t>(info.rank))
      .Bind(info.alpha)
      .Bind(std::string_view(modules))
      .Bind(static_cast<int64_t>(info.dp))
      .Bind(std::string_view(privacy))
      .Bind(created)
      .Bind(std::string_view(info.state))
      .Bind(std::string_view(info.reason))
      .Bind(std::string_view(info.sha256))
      .Run();
}

Result<AdapterInfo> Registry::Get(std::string_view id) const {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string active, Active());
  SELVEDGE_ASSIGN_OR_RETURN(Statement get, db_->Prepare(std::string(kSelect) + " WHERE id = ?"));
  SELVEDGE_ASSIGN_OR_RETURN(const bool found, get.Bind(id).Step());
  if (!found) return NotFoundError("adapter: no adapter of this id in the registry");
  return ReadAdapterRow(get, active);
}

Result<std::vector<AdapterInfo>> Registry::List() const {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string active, Active());
  SELVEDGE_ASSIGN_OR_RETURN(Statement rows,
                            db_->Prepare(std::string(kSelect) + " ORDER BY created DESC, id DESC"));
  return ReadRows(rows, [&active](const Statement& row) { return ReadAdapterRow(row, active); });
}

Status Registry::Remove(std::string_view id) const {
  SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo info, Get(id));
  if (info.state == "active") {
    return PolicyError("adapter: is active, use another one or \"none\" first");
  }
  SELVEDGE_ASSIGN_OR_RETURN(Statement history,
                            db_->Prepare("DELETE FROM activations WHERE adapter_id = ?"));
  SELVEDGE_RETURN_IF_ERROR(history.Bind(id).Run());
  SELVEDGE_ASSIGN_OR_RETURN(Statement del, db_->Prepare("DELETE FROM adapters WHERE id = ?"));
  return del.Bind(id).Run();
}

Result<std::string> Registry::Active() const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement get, db_->Prepare("SELECT adapter_id FROM activations ORDER BY n DESC LIMIT 1"));
  SELVEDGE_ASSIGN_OR_RETURN(const bool found, get.Step());
  return found ? get.Text(0) : std::string();
}

Status Registry::Push(std::string_view id) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement put,
                            db_->Prepare("INSERT INTO activations (adapter_id) VALUES (?)"));
  SELVEDGE_RETURN_IF_ERROR(put.Bind(id).Run());
  return settings_->AddToCounter(kAdapterGeneration);
}

Status Registry::Activate(std::string_view id) const {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string active, Active());
  if (active == id) return OkStatus();
  if (!id.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo info, Get(id));
    if (info.state != "available") {
      return PolicyError("adapter: is " + info.state + " (" + info.reason + "), cannot be used");
    }
  }
  return Push(id);
}

Result<std::string> Registry::Rollback() const {
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t activations,
                            db_->QueryInt("SELECT count(*) FROM activations"));
  if (activations == 0)
    return NotFoundError("adapter: none was active before, nothing to roll back to");
  // Drop the active entry, then entries that cannot be used again.
  SELVEDGE_RETURN_IF_ERROR(
      db_->Execute("DELETE FROM activations WHERE n = (SELECT max(n) FROM activations)"));
  SELVEDGE_RETURN_IF_ERROR(
      db_->Execute("DELETE FROM activations WHERE n > coalesce((SELECT max(a.n) FROM activations a"
                   " LEFT JOIN adapters d ON d.id = a.adapter_id"
                   " WHERE a.adapter_id = '' OR d.state = 'available'), 0)"));
  SELVEDGE_RETURN_IF_ERROR(settings_->AddToCounter(kAdapterGeneration));
  return Active();
}

Result<std::vector<std::string>> Registry::Retire(const std::vector<std::string>& ids,
                                                  std::string_view reason) const {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string active, Active());
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement set,
      db_->Prepare("UPDATE adapters SET state = 'retired', reason = ? WHERE id = ?"));
  for (const std::string& id : ids) {
    set.Reset();
    SELVEDGE_RETURN_IF_ERROR(set.Bind(reason).Bind(std::string_view(id)).Run());
    if (id == active) SELVEDGE_RETURN_IF_ERROR(Push(""));
  }
  return ids;
}

Result<std::vector<std::string>> Registry::RetireBySource(std::string_view source,
                                                          std::string_view reason) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows, db_->Prepare("SELECT id FROM adapters WHERE state <> 'retired' AND job_id IN"
                                   " (SELECT job_id FROM job_records WHERE source = ?)"));
  rows.Bind(source);
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ReadRows(rows, IdOf));
  return Retire(ids, reason);
}

Result<std::vector<std::string>> Registry::RetireByRecord(int64_t seq,
                                                          std::string_view reason) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows, db_->Prepare("SELECT id FROM adapters WHERE state <> 'retired' AND job_id IN"
                                   " (SELECT job_id FROM job_records WHERE seq = ?)"));
  rows.Bind(seq);
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ReadRows(rows, IdOf));
  return Retire(ids, reason);
}

}  // namespace selvedge::vault
