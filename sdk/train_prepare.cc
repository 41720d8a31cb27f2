#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "sdk/correlation_json.h"
#include "sdk/near_duplicates.h"
#include "sdk/participants.h"
#include "sdk/train_job.h"
#include "storage/vault/checkpoint_file.h"
#include "storage/vault/timestamp.h"

namespace selvedge {
namespace {

using Json = nlohmann::ordered_json;
using vault::Vault;

constexpr uint64_t kMinFreeBytes = uint64_t{64} << 20;

std::string NewJobId(const Vault& v) {
  const std::string now = std::to_string(vault::NowMs());
  vault::SecretKey nonce = vault::SecretKey::Random();
  return "j-" + core::Hex(v.KeyedHash("job", now + core::Hex(nonce.bytes()))).substr(0, 12);
}

bool CanResume(const vault::Job& job) { return job.state == "stopped"; }

// The job named by the options, else the newest stopped one of this configuration; none if the
// list is empty.
Result<std::vector<vault::Job>> FindResumable(const Vault& v, const TrainOptions& options,
                                              const vault::Bytes& config_hash) {
  if (!options.resume_job.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(vault::Job job, v.jobs().Get(options.resume_job));
    if (!CanResume(job)) {
      return PolicyError("job: is " + job.state + ", only a stopped one can be resumed");
    }
    return std::vector<vault::Job>{std::move(job)};
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::Job> jobs, v.jobs().List());
  for (const vault::Job& job : jobs) {
    if (CanResume(job) && job.config_hash == config_hash) return std::vector<vault::Job>{job};
  }
  return std::vector<vault::Job>{};
}

// Sets records, plan and checkpoint from the job. False: its records are no longer all there.
Result<bool> Restore(Home::Impl& home, PreparedJob* out) {
  const Vault& v = *home.vault;
  SELVEDGE_ASSIGN_OR_RETURN(TrainSelection selection, SelectRecords(v));
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::JobRecord> records,
                            v.jobs().Records(out->job.id));
  out->train = RecordsOfJob(selection.train, records);
  if (out->train.empty()) return false;
  SELVEDGE_ASSIGN_OR_RETURN(out->plan, PlanFromJson(out->job.plan));
  LeaveOutNearDuplicates(out->plan.keep_near_duplicates, &selection);
  if (out->plan.gate_noise_multiplier > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::Bytes> judges,
                              v.jobs().Groups(out->job.id, vault::GroupPart::kJudges));
    std::erase_if(selection.heldout, [&](const vault::EligibleRecord& r) {
      return std::find(judges.begin(), judges.end(), r.group_key) == judges.end();
    });
  }
  out->heldout = std::move(selection.heldout);
  Result<std::vector<uint8_t>> checkpoint =
      vault::ReadCheckpoint(home.CheckpointPath(out->job.id), v.checkpoint_key(), out->job.id);
  if (checkpoint.ok()) {
    out->checkpoint = std::move(checkpoint).value();
  } else if (checkpoint.status().code() == StatusCode::kAuth) {
    vault::RemoveCheckpoint(home.CheckpointPath(out->job.id));  // both copies damaged: step 0 again
  } else if (checkpoint.status().code() != StatusCode::kNotFound) {
    return checkpoint.status();
  }
  out->resumed = true;
  return true;
}

std::string LedgerPlan(const JobPlan& plan, const std::vector<vault::Bytes>& groups,
                       const std::vector<vault::Bytes>& judges, const HomeConfig& home) {
  Json row = {{"version", 2},
              {"unit", home.unit},
              {"sampling_rate", plan.sampling_rate},
              {"noise_multiplier", plan.noise_multiplier},
              {"clip_norm", plan.clip_norm},
              {"steps", plan.steps},
              {"delta", home.delta},
              {"groups", groups.size()},
              {"groups_digest", vault::GroupsDigest(groups)}};
  if (plan.gate_noise_multiplier > 0) {
    row["gate_noise_multiplier"] = plan.gate_noise_multiplier;
    row["judges"] = judges.size();
    row["judges_digest"] = vault::GroupsDigest(judges);
  }
  if (plan.correlation) {
    row["version"] = 3;
    row["correlation"] = CorrelationJson(*plan.correlation);
  }
  return row.dump();
}

Status InsertJob(Home::Impl& home, const PreparedJob& p) {
  const Vault& v = *home.vault;
  SELVEDGE_RETURN_IF_ERROR(v.jobs().Insert(p.job));
  std::vector<vault::JobRecord> records;
  for (const vault::EligibleRecord& r : p.train) records.push_back({r.seq, r.source});
  SELVEDGE_RETURN_IF_ERROR(v.jobs().SetRecords(p.job.id, records));
  const std::vector<vault::Bytes> groups = GroupsOf(p.train);
  SELVEDGE_RETURN_IF_ERROR(v.jobs().SetGroups(p.job.id, vault::GroupPart::kTrains, groups));
  for (const vault::Bytes& key : groups) SELVEDGE_RETURN_IF_ERROR(v.records().MarkTrained(key));
  std::vector<vault::Bytes> judges;
  if (p.plan.gate_noise_multiplier > 0) judges = GroupsOf(p.heldout);
  SELVEDGE_RETURN_IF_ERROR(v.jobs().SetGroups(p.job.id, vault::GroupPart::kJudges, judges));
  return p.plan.dp
             ? v.ledger().Append("plan", p.job.id, LedgerPlan(p.plan, groups, judges, home.config))
             : OkStatus();
}

// A new job, or the one found; in a transaction.
Status Choose(Home::Impl& home, const TrainOptions& options, const BaseModel& base,
              double tokens_per_s, const Admit& admit, PreparedJob* out) {
  Vault& v = *home.vault;
  const vault::Bytes config_hash =
      v.KeyedHash("train-config", ConfigurationText(options, home.config));
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::Job> found,
                            FindResumable(v, options, config_hash));
  if (!found.empty()) {
    out->job = found.front();
    SELVEDGE_ASSIGN_OR_RETURN(const bool restored, Restore(home, out));
    if (restored) {
      SELVEDGE_RETURN_IF_ERROR(admit(out));
      out->job.state = "running";
      out->job.reason.clear();
      return v.jobs().Update(out->job);
    }
    out->job.state = "cancelled";
    out->job.reason = "its records changed";
    SELVEDGE_RETURN_IF_ERROR(v.jobs().Update(out->job));
    vault::RemoveCheckpoint(home.CheckpointPath(out->job.id));
  }
  SELVEDGE_ASSIGN_OR_RETURN(*out, PlanJob(home, options, base, tokens_per_s));
  SELVEDGE_RETURN_IF_ERROR(admit(out));
  out->job.id = NewJobId(v);
  out->job.state = "running";
  out->job.config_hash = config_hash;
  out->job.plan = PlanToJson(out->plan);
  out->job.created = vault::NowMs();
  out->job.steps_planned = out->plan.steps;
  return InsertJob(home, *out);
}

}  // namespace

Status CheckConditions(const std::vector<Condition>& wanted, const std::string& home) {
  std::string waiting;
  for (const ConditionState& state : ReadConditions(wanted)) {
    if (state.holds.value_or(false)) continue;
    waiting += waiting.empty() ? "" : ", ";
    waiting += std::string(ConditionName(state.condition)) +
               (state.holds.has_value() ? " (" : " (unknown: ") + state.detail + ")";
  }
  std::error_code ec;
  const std::filesystem::space_info space = std::filesystem::space(home, ec);
  if (!ec && space.available < kMinFreeBytes) {
    waiting += waiting.empty() ? "" : ", ";
    waiting += "free storage (" + std::to_string(space.available >> 20) + " MiB, needs 64 MiB)";
  }
  if (waiting.empty()) return OkStatus();
  return DeferredError("train: waiting for: " + waiting);
}

Status CleanUpAfterCrash(Home::Impl& home) {
  Vault& v = *home.vault;
  return v.Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::Job> jobs, v.jobs().List());
    for (vault::Job job : jobs) {
      if (job.state != "running") continue;
      job.state = "stopped";
      job.reason = "interrupted";
      SELVEDGE_RETURN_IF_ERROR(v.jobs().Update(job));
    }
    return home.RemoveOrphanFolders();
  });
}

Result<PreparedJob> PrepareJob(Home::Impl& home, const TrainOptions& options, const BaseModel& base,
                               double tokens_per_s, const Admit& admit) {
  SELVEDGE_RETURN_IF_ERROR(home.RequireIntactLedger());
  SELVEDGE_ASSIGN_OR_RETURN(const GroupBudgets budgets,
                            GroupBudgets::Read(*home.vault, home.config.delta));
  PreparedJob out;
  SELVEDGE_RETURN_IF_ERROR(
      home.vault->Update([&] { return Choose(home, options, base, tokens_per_s, admit, &out); }));
  if (!out.plan.dp) return out;
  out.classes = budgets.ClassesOf(GroupsOf(out.train));
  SELVEDGE_ASSIGN_OR_RETURN(
      out.affordable, AffordableSteps(out.classes, out.plan.Event(out.plan.steps), home.config));
  if (!out.plan.correlation) return out;
  for (const JobCharges& charges : budgets.jobs()) {
    if (charges.job_id == out.job.id) out.charged_steps = charges.next_step;
  }
  // The first step pays for all of them.
  if (out.charged_steps > 0 || out.affordable > 0) out.affordable = out.plan.steps;
  return out;
}

Status SetJobState(Home::Impl& home, const std::string& id, const std::string& state,
                   const std::string& reason, int64_t steps_done) {
  Vault& v = *home.vault;
  return v.Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(vault::Job job, v.jobs().Get(id));
    if (job.state != "running") return OkStatus();  // cancelled meanwhile: that stands
    job.state = state;
    job.reason = reason;
    if (steps_done > job.steps_done) job.steps_done = steps_done;
    return v.jobs().Update(job);
  });
}

}  // namespace selvedge
