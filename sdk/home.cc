#include <selvedge/home.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/utf8.h"
#include "sdk/home_impl.h"
#include "storage/vault/checkpoint_file.h"
#include "storage/vault/schema.h"
#include "storage/vault/timestamp.h"

namespace selvedge {
namespace {

using vault::Vault;
using Lock = std::lock_guard<std::mutex>;

constexpr size_t kMaxNameBytes = 128;

// A name of the caller's: it is shown in lists and messages.
Status CheckName(const std::string& what, const std::string& name) {
  if (name.empty() || name.size() > kMaxNameBytes || !core::IsValidUtf8(name)) {
    return UsageError(what + ": must be 1 to " + std::to_string(kMaxNameBytes) +
                      " bytes of UTF-8, got " + std::to_string(name.size()));
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return UsageError(what + ": must not hold control characters");
    }
  }
  return OkStatus();
}

Status CheckOptions(const HomeOptions& o) {
  if (o.unit != "record" && o.unit != "thread" && o.unit != "day") {
    return UsageError("init: unit: got '" + o.unit + "', allowed record, thread, day");
  }
  if (!(o.epsilon_budget > 0 && o.epsilon_budget <= 1000)) {
    return UsageError("init: epsilon: got " + std::to_string(o.epsilon_budget) +
                      ", allowed above 0 and at most 1000");
  }
  if (!(o.delta > 0 && o.delta < 0.01)) {
    return UsageError("init: delta: got " + std::to_string(o.delta) +
                      ", allowed above 0 and below 0.01");
  }
  return OkStatus();
}

std::string Number(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", v);
  return text;
}

Status WriteConfig(const Vault& vault, const HomeConfig& config, const adapters::SigningKey& key) {
  const vault::Settings& s = vault.settings();
  SELVEDGE_RETURN_IF_ERROR(s.SetText("unit", config.unit));
  SELVEDGE_RETURN_IF_ERROR(s.SetText("epsilon_budget", Number(config.epsilon_budget)));
  SELVEDGE_RETURN_IF_ERROR(s.SetText("delta", Number(config.delta)));
  SELVEDGE_RETURN_IF_ERROR(s.SetText("base_digest", config.base_digest));
  SELVEDGE_RETURN_IF_ERROR(s.SetText("model_path", config.model_path));
  SELVEDGE_RETURN_IF_ERROR(s.Set("signing_public_key", key.public_key));
  return s.Set("signing_secret_key", key.secret_key);
}

Result<HomeConfig> ReadConfig(const Vault& vault) {
  const vault::Settings& s = vault.settings();
  HomeConfig config;
  SELVEDGE_ASSIGN_OR_RETURN(config.unit, s.GetText("unit"));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string epsilon, s.GetText("epsilon_budget"));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string delta, s.GetText("delta"));
  config.epsilon_budget = std::strtod(epsilon.c_str(), nullptr);
  config.delta = std::strtod(delta.c_str(), nullptr);
  SELVEDGE_ASSIGN_OR_RETURN(config.base_digest, s.GetText("base_digest"));
  SELVEDGE_ASSIGN_OR_RETURN(config.model_path, s.GetText("model_path"));
  SELVEDGE_ASSIGN_OR_RETURN(const vault::Bytes key, s.Get("signing_public_key"));
  if (key.size() != config.public_key.size()) return FormatError("vault: signing key: wrong size");
  std::copy(key.begin(), key.end(), config.public_key.begin());
  return config;
}

// Jobs that took in what is now gone can never be resumed.
Status CancelJobs(const Vault& vault, const std::vector<std::string>& ids, const char* reason) {
  for (const std::string& id : ids) {
    SELVEDGE_ASSIGN_OR_RETURN(vault::Job job, vault.jobs().Get(id));
    job.state = "cancelled";
    job.reason = reason;
    SELVEDGE_RETURN_IF_ERROR(vault.jobs().Update(job));
  }
  return OkStatus();
}

void Append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

Home::Home(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Home::Home(Home&&) noexcept = default;
Home& Home::operator=(Home&&) noexcept = default;
Home::~Home() = default;

Result<Home> Home::Create(const HomeOptions& options) {
  SELVEDGE_RETURN_IF_ERROR(CheckOptions(options));
  HomeConfig config;
  config.unit = options.unit;
  config.epsilon_budget = options.epsilon_budget;
  config.delta = options.delta;
  if (!options.model_path.empty()) {
    std::error_code ec;
    config.model_path = std::filesystem::absolute(options.model_path, ec).string();
    if (ec) return IoError("model file: path cannot be resolved");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const BaseModel base, LoadBaseModel(config.model_path));
  config.base_digest = core::Hex(gguf::BaseDigest(base.model->file()));
  const adapters::SigningKey key = adapters::SigningKey::Generate();
  config.public_key = key.public_key;
  SELVEDGE_ASSIGN_OR_RETURN(std::unique_ptr<Vault> vault,
                            Vault::Create(options.path, options.key,
                                          [&](Vault& v) { return WriteConfig(v, config, key); }));
  return Home(std::make_unique<Impl>(std::move(vault), std::move(config)));
}

Result<Home> Home::Open(const std::string& path, const KeySource& key) {
  SELVEDGE_ASSIGN_OR_RETURN(std::unique_ptr<Vault> vault, Vault::Open(path, key));
  SELVEDGE_ASSIGN_OR_RETURN(HomeConfig config, ReadConfig(*vault));
  // Retention. Adapters stay: a record's influence on them is bounded by its epsilon.
  const Status updated = vault->Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(const int64_t gone, vault->records().DeleteExpired(vault::NowMs()));
    return gone > 0 ? vault->settings().AddToCounter(vault::kRemovalEpoch) : OkStatus();
  });
  if (!updated.ok()) return updated;
  return Home(std::make_unique<Impl>(std::move(vault), std::move(config)));
}

HomeInfo Home::info() const {
  const Lock lock(impl_->mutex);
  HomeInfo info;
  info.path = impl_->vault->home();
  info.base_digest = impl_->config.base_digest;
  info.unit = impl_->config.unit;
  info.epsilon_budget = impl_->config.epsilon_budget;
  info.delta = impl_->config.delta;
  info.schema_version = vault::kSchemaVersion;
  info.cipher = impl_->vault->database().cipher();
  info.public_key = core::Hex(impl_->config.public_key);
  info.key_provider = impl_->vault->provider();
  return info;
}

std::string Home::model_path() const { return impl_->config.model_path; }

Status Home::ChangeKey(const KeySource& key) {
  const Lock lock(impl_->mutex);
  return impl_->vault->ChangeKey(key);
}

Status EraseHome(const std::string& path) { return vault::EraseHome(path); }

Status Home::Grant(const std::string& source, const std::string& purpose, int64_t retention_days) {
  SELVEDGE_RETURN_IF_ERROR(CheckName("source", source));
  SELVEDGE_RETURN_IF_ERROR(CheckName("purpose", purpose));
  if (retention_days < 0 || retention_days > 36500) {
    return UsageError("retention: got " + std::to_string(retention_days) +
                      " days, allowed 0 (no limit) to 36500");
  }
  const Lock lock(impl_->mutex);
  SELVEDGE_RETURN_IF_ERROR(impl_->RequireIntactLedger());
  Vault& v = *impl_->vault;
  return v.Update([&] { return v.consents().Grant(source, purpose, retention_days); });
}

Status Home::Revoke(const std::string& source, const std::string& purpose) {
  const Lock lock(impl_->mutex);
  Vault& v = *impl_->vault;
  std::vector<std::string> retired;
  std::vector<std::string> cancelled;
  const Status updated = v.Update([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(v.consents().Revoke(source, purpose));
    SELVEDGE_RETURN_IF_ERROR(v.settings().AddToCounter(vault::kRemovalEpoch));
    if (purpose != vault::kPersonalization) return OkStatus();
    SELVEDGE_ASSIGN_OR_RETURN(
        retired, v.registry().RetireBySource(source, "consent of a source was revoked"));
    SELVEDGE_ASSIGN_OR_RETURN(cancelled, v.jobs().UnfinishedWithSource(source));
    SELVEDGE_RETURN_IF_ERROR(CancelJobs(v, cancelled, "consent of a source was revoked"));
    return impl_->RemoveOrphanFolders();
  });
  if (!updated.ok()) return updated;
  impl_->RemoveAdapterFiles(retired);
  impl_->RemovePromptCaches();
  for (const std::string& id : cancelled) vault::RemoveCheckpoint(impl_->CheckpointPath(id));
  return OkStatus();
}

Result<std::vector<Consent>> Home::Consents() const {
  const Lock lock(impl_->mutex);
  return impl_->vault->consents().List();
}

Result<DataStats> Home::Stats(const RecordFilter& filter) const {
  const Lock lock(impl_->mutex);
  return impl_->vault->records().Stats(filter);
}

Result<std::vector<Record>> Home::Records(const RecordFilter& filter) const {
  const Lock lock(impl_->mutex);
  return impl_->vault->records().Find(filter);
}

Result<int64_t> Home::DeleteRecords(const RecordFilter& filter) {
  const Lock lock(impl_->mutex);
  Vault& v = *impl_->vault;
  std::vector<vault::RemovedRecord> removed;
  std::vector<std::string> retired;
  std::vector<std::string> cancelled;
  const Status updated = v.Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(removed, v.records().Delete(filter));
    if (removed.empty()) return OkStatus();
    SELVEDGE_RETURN_IF_ERROR(v.settings().AddToCounter(vault::kRemovalEpoch));
    for (const vault::RemovedRecord& r : removed) {
      SELVEDGE_ASSIGN_OR_RETURN(const auto adapters,
                                v.registry().RetireByRecord(r.seq, "a record was deleted"));
      Append(retired, adapters);
      SELVEDGE_ASSIGN_OR_RETURN(const auto jobs, v.jobs().UnfinishedWithRecord(r.seq));
      SELVEDGE_RETURN_IF_ERROR(CancelJobs(v, jobs, "a record was deleted"));
      Append(cancelled, jobs);
    }
    return impl_->RemoveOrphanFolders();
  });
  if (!updated.ok()) return updated;
  impl_->RemoveAdapterFiles(retired);
  impl_->RemovePromptCaches();
  for (const std::string& id : cancelled) vault::RemoveCheckpoint(impl_->CheckpointPath(id));
  return static_cast<int64_t>(removed.size());
}

Result<std::vector<JobInfo>> Home::Jobs() const {
  const Lock lock(impl_->mutex);
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::Job> jobs, impl_->vault->jobs().List());
  const bool nobody_trains =
      vault::FileLock::TryAcquire(impl_->vault->home() + "/train.lock", "train").ok();
  std::vector<JobInfo> out;
  for (const vault::Job& job : jobs) {
    JobInfo info{job.id,
                 job.state,
                 job.reason,
                 vault::FormatTime(job.created),
                 vault::FormatTime(job.updated),
                 job.steps_done,
                 job.steps_planned,
                 job.adapter_id};
    if (info.state == "running" && nobody_trains) {
      info.state = "stopped";
      info.reason = "interrupted";
    }
    out.push_back(std::move(info));
  }
  return out;
}

Status Home::CancelJob(const std::string& id) {
  const Lock lock(impl_->mutex);
  Vault& v = *impl_->vault;
  const Status updated = v.Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(vault::Job job, v.jobs().Get(id));
    if (job.state != "running" && job.state != "stopped") {
      return PolicyError("job: is " + job.state +
                         ", only a running or stopped one can be cancelled");
    }
    // A running trainer looks at this counter between micro-batches, and then at its job's state.
    SELVEDGE_RETURN_IF_ERROR(v.settings().AddToCounter(vault::kRemovalEpoch));
    return CancelJobs(v, {id}, "cancelled on request");
  });
  if (!updated.ok()) return updated;
  vault::RemoveCheckpoint(impl_->CheckpointPath(id));
  return OkStatus();
}

}  // namespace selvedge
