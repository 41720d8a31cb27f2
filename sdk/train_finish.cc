#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/clock.h"
#include "core/digest.h"
#include "core/secure_random.h"
#include "sdk/job_ledger.h"
#include "sdk/judges.h"
#include "sdk/participants.h"
#include "sdk/receipt.h"
#include "sdk/registry_entry.h"
#include "sdk/train_gate.h"
#include "sdk/train_job.h"
#include "sdk/train_options.h"
#include "storage/vault/checkpoint_file.h"
#include "trainer/job/gate_vote.h"

namespace selvedge {
namespace {

using Json = nlohmann::ordered_json;
using Lock = std::lock_guard<std::mutex>;
using Weights = std::shared_ptr<const adapters::LoraAdapter>;

// Null if nothing is active or the active one can no longer be used with this base.
Result<Weights> ActiveWeights(Home::Impl& home, const BaseModel& base) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string id, home.ActiveAdapterId());
  if (id.empty()) return Weights();
  SELVEDGE_ASSIGN_OR_RETURN(adapters::StoredAdapter stored,
                            home.LoadAdapter(id, home.config.base_digest, ShapeOf(*base.model)));
  return Weights(std::make_shared<adapters::LoraAdapter>(std::move(stored.adapter)));
}

// The charges of the job; none without dp.
Result<JobCharges> ChargesOf(Home::Impl& home, const PreparedJob& prepared) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<JobCharges> charges, ReadCharges(*home.vault));
  for (const JobCharges& c : charges) {
    if (c.job_id == prepared.job.id) return c;
  }
  if (!prepared.plan.dp) return JobCharges{};
  return InternalError("ledger: the job has no plan row");
}

Result<PrivacyStatement> Statement(Home::Impl& home, const PreparedJob& prepared,
                                   const JobCharges& charges) {
  PrivacyStatement none;
  none.unit = home.config.unit;
  none.sampling = prepared.plan.sampling_rate < 1 ? "poisson" : "full-batch";
  none.sampling_rate = prepared.plan.sampling_rate;
  none.steps = prepared.plan.steps;
  if (!prepared.plan.dp) return none;
  SELVEDGE_ASSIGN_OR_RETURN(PrivacyStatement s,
                            StatementOf(home.config.unit, charges.event, home.config.delta));
  if (prepared.plan.correlation) s.sampling = kInTurns;
  return s;
}

// The noised votes of the held-out groups, once they are charged.
Result<trainer::GateDecision> JudgeByVotes(Home::Impl& home, const PreparedJob& prepared,
                                           const HeldOutScores& scores,
                                           const adapters::LoraAdapter& candidate) {
  // Weights that are wrong by themselves need no judges.
  if (std::string fault = trainer::WeightFault(&candidate); !fault.empty()) {
    return trainer::GateDecision{false, std::move(fault)};
  }
  int64_t answer = 0;
  int64_t groups = 0;
  double noise = 0;
  bool affordable = false;
  {
    const Lock lock(home.mutex);
    SELVEDGE_ASSIGN_OR_RETURN(const JobCharges charges, ChargesOf(home, prepared));
    answer = static_cast<int64_t>(charges.gate.size());
    groups = static_cast<int64_t>(charges.judges.size());
    noise = NoiseOfAnswer(prepared.plan.gate_noise_multiplier, answer);
    SELVEDGE_ASSIGN_OR_RETURN(const GroupBudgets budgets,
                              GroupBudgets::Read(*home.vault, home.config.delta));
    SELVEDGE_ASSIGN_OR_RETURN(
        const int64_t answers,
        AffordableSteps(budgets.ClassesOf(charges.judges), {1, noise, 1}, home.config));
    affordable = answers > 0;
  }
  GateLedger ledger(&home, prepared.job.id, noise, affordable);
  SELVEDGE_ASSIGN_OR_RETURN(core::SecureRandom random, core::SecureRandom::Create());
  SELVEDGE_ASSIGN_OR_RETURN(const double votes,
                            trainer::SumVotes(VotesOf(scores), noise, answer, ledger, random));
  return trainer::DecideByVotes(votes, groups, noise, &candidate);
}

// Ends the job and registers what `write` says it wrote, in one transaction: the adapter is active
// and its job done, or none of it.
Status Register(Home::Impl& home, const PreparedJob& prepared, const trainer::Outcome& outcome,
                const std::function<Result<AdapterInfo>()>& write) {
  const Lock lock(home.mutex);
  vault::Vault& v = *home.vault;
  return v.Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(vault::Job job, v.jobs().Get(prepared.job.id));
    if (job.state != "running") {
      return PolicyError("train: the job was cancelled (" + job.reason +
                         "), its result is dropped");
    }
    SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo info, write());
    const bool accepted = info.state == "available";
    job.state = "done";
    job.reason = info.reason;
    job.steps_done = outcome.steps_done;
    job.adapter_id = accepted ? info.id : "";
    SELVEDGE_RETURN_IF_ERROR(v.jobs().Update(job));
    SELVEDGE_RETURN_IF_ERROR(v.registry().Insert(info, job.id));
    if (!accepted) return OkStatus();
    if (prepared.plan.dp) {
      SELVEDGE_RETURN_IF_ERROR(
          v.ledger().Append("release", job.id, Json{{"adapter", info.id}}.dump()));
    }
    return v.registry().Activate(info.id);
  });
}

}  // namespace

Status FillEpsilon(Home::Impl& home, const PreparedJob& prepared, TrainReport* report) {
  SELVEDGE_ASSIGN_OR_RETURN(const GroupBudgets budgets,
                            GroupBudgets::Read(*home.vault, home.config.delta));
  for (const vault::EligibleRecord& r : prepared.train) {
    report->epsilon_spent = std::max(report->epsilon_spent, budgets.EpsilonSpent(r.group_key));
  }
  report->epsilon_left = std::max(0.0, home.config.epsilon_budget - report->epsilon_spent);
  report->delta = home.config.delta;
  return OkStatus();
}

namespace {

// What the manifest and the receipt say of the run, from the ledger.
Status Describe(Home::Impl& home, const PreparedJob& prepared, adapters::Manifest* manifest,
                ReceiptFacts* facts, TrainReport* report) {
  manifest->created = core::NowIso8601Utc();
  SELVEDGE_ASSIGN_OR_RETURN(manifest->id, NewAdapterId(manifest->created));
  manifest->base_digest = home.config.base_digest;
  manifest->rank = static_cast<uint32_t>(prepared.plan.rank);
  manifest->alpha = static_cast<float>(prepared.plan.alpha);
  manifest->target_modules = prepared.plan.target_modules;
  manifest->dp = prepared.plan.dp;
  const Lock lock(home.mutex);
  SELVEDGE_ASSIGN_OR_RETURN(const JobCharges charges, ChargesOf(home, prepared));
  SELVEDGE_ASSIGN_OR_RETURN(manifest->privacy, Statement(home, prepared, charges));
  SELVEDGE_ASSIGN_OR_RETURN(facts->ledger, home.vault->ledger().NewestHead());
  if (manifest->dp) manifest->ledger_head = core::Hex(facts->ledger.mac);
  facts->events = {charges.event};
  facts->clip_norm = prepared.plan.clip_norm;
  facts->correlation = prepared.plan.correlation;
  facts->steps = prepared.plan.steps;
  facts->source_noise_multiplier = prepared.plan.noise_multiplier;
  facts->divisor = prepared.plan.divisor;
  facts->groups = static_cast<int64_t>(prepared.groups.size());
  facts->gate = charges.gate;
  facts->judges = static_cast<int64_t>(charges.judges.size());
  facts->epsilon_budget = home.config.epsilon_budget;
  report->privacy = manifest->privacy;
  if (!charges.gate.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(report->gate_epsilon,
                              ComputeEpsilon(charges.gate, home.config.delta));
  }
  return FillEpsilon(home, prepared, report);
}

// A loss for the report; 0 where it is not finite.
double Shown(double loss) { return std::isfinite(loss) ? loss : 0; }

}  // namespace

Status FinishJob(Home::Impl& home, const PreparedJob& prepared, const BaseModel& base,
                 const trainer::Outcome& outcome, int threads, TrainReport* report) {
  SELVEDGE_ASSIGN_OR_RETURN(const Weights active, ActiveWeights(home, base));
  const auto candidate = std::make_shared<const adapters::LoraAdapter>(outcome.adapter);
  core::ThreadPool pool(threads);
  SELVEDGE_ASSIGN_OR_RETURN(const HeldOutScores scores,
                            ScoreHeldOut(base, prepared.heldout, active, candidate, pool));
  trainer::GateDecision gate;
  if (prepared.plan.gate_noise_multiplier > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(gate, JudgeByVotes(home, prepared, scores, *candidate));
  } else {
    gate = JudgeExactly(scores, *candidate);
  }
  report->loss_holdout_before = Shown(MeanLoss(scores.current()));
  report->loss_holdout_after = Shown(MeanLoss(scores.candidate));
  report->gate = gate.accepted ? "accepted" : "rejected: " + gate.reason;

  adapters::Manifest manifest;
  ReceiptFacts facts;
  SELVEDGE_RETURN_IF_ERROR(Describe(home, prepared, &manifest, &facts, report));
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::SigningKey key, home.ReadSigningKey());
  adapters::MakeReceipt receipt;
  if (manifest.dp) {
    receipt = [&](const adapters::Manifest& m) { return WriteReceipt(m, facts, key); };
  }
  const auto write = [&]() -> Result<AdapterInfo> {
    if (gate.accepted) {
      SELVEDGE_ASSIGN_OR_RETURN(
          manifest, adapters::WriteAdapter(home.AdapterFolder(manifest.id), *candidate, manifest,
                                           ShapeOf(*base.model), key, receipt));
    }
    return RegistryEntry(manifest, gate.accepted ? "available" : "rejected", gate.reason);
  };
  const Status registered = Register(home, prepared, outcome, write);
  if (!registered.ok()) {
    home.RemoveAdapterFiles({manifest.id});
    return registered;
  }
  vault::RemoveCheckpoint(home.CheckpointPath(prepared.job.id));
  if (gate.accepted) report->adapter_id = manifest.id;
  return OkStatus();
}

}  // namespace selvedge
