#include <chrono>
#include <optional>
#include <thread>

#include "core/background.h"
#include "core/memory.h"
#include "sdk/basis_text.h"
#include "sdk/train_host.h"
#include "sdk/train_job.h"
#include "sdk/train_options.h"
#include "sdk/train_speed.h"
#include "sdk/trainer_library.h"
#include "storage/vault/checkpoint_file.h"
#include "storage/vault/disk_reserve.h"

namespace selvedge {
namespace {

using Lock = std::lock_guard<std::mutex>;

// A list of jobs looks at this lock for an instant, so one refusal is not yet a second trainer.
Result<vault::FileLock> LockTraining(const Home::Impl& home) {
  constexpr int kTries = 5;
  for (int i = 1;; ++i) {
    Result<vault::FileLock> lock =
        vault::FileLock::TryAcquire(home.vault->home() + "/train.lock", "train");
    if (lock.ok() || i == kTries || lock.status().code() != StatusCode::kBusy) return lock;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

TrainHost::Run RunOf(const PreparedJob& prepared, const BaseModel& base,
                     const TrainOptions& options, const std::atomic<bool>* stop,
                     const std::function<void(const TrainProgress&)>& on_progress) {
  TrainHost::Run run;
  run.job = prepared.job;
  run.classes = prepared.classes;
  run.event = prepared.plan.Event(1);
  run.dp = prepared.plan.dp;
  run.affordable = prepared.affordable;
  run.correlated = prepared.plan.correlation.has_value();
  run.charged_steps = prepared.charged_steps;
  run.time_limit_s = options.time_limit_s;
  run.base = base.model;
  run.stop = stop;
  run.on_progress = on_progress;
  return run;
}

// Tokenizes the job's records and asks the trainer about all of it.
Status AdmitJob(const Home::Impl& home, const BaseModel& base, const TrainOptions& options,
                trainer::Trainer& trainer, PreparedJob* job) {
  SELVEDGE_ASSIGN_OR_RETURN(const trainer::Config config,
                            TrainerConfig(job->plan, home.config, *base.model, options));
  SELVEDGE_ASSIGN_OR_RETURN(job->groups, MakeGroups(*base.tokenizer, job->train, job->plan.seq_len,
                                                    job->plan.windows_per_step));
  return trainer.Check(*base.model, job->groups, config);
}

// A run from its first step on.
Result<trainer::Outcome> RunFresh(const PreparedJob& prepared, const BaseModel& base,
                                  trainer::Config config, trainer::Trainer& trainer,
                                  TrainHost& host) {
  if (config.freeze_a) {
    SELVEDGE_ASSIGN_OR_RETURN(config.basis_text, BasisText(base, prepared.plan.seed, config.threads,
                                                           [&host] { return host.ShouldStop(); }));
    if (config.basis_text.empty()) {
      trainer::Outcome outcome;
      outcome.stopped = true;
      return outcome;
    }
  }
  return trainer.Run(base.model, prepared.groups, config, {}, host);
}

Result<trainer::Outcome> RunTrainer(const Home::Impl& home, PreparedJob& prepared,
                                    const BaseModel& base, const TrainOptions& options,
                                    trainer::Trainer& trainer, TrainHost& host) {
  SELVEDGE_ASSIGN_OR_RETURN(const trainer::Config config,
                            TrainerConfig(prepared.plan, home.config, *base.model, options));
  if (!prepared.checkpoint.empty()) {
    Result<trainer::Outcome> outcome =
        trainer.Run(base.model, prepared.groups, config, prepared.checkpoint, host);
    if (outcome.ok() || outcome.status().code() != StatusCode::kIncompatible) return outcome;
    // Made by another version of the trainer: start afresh; what was charged stays charged.
    prepared.checkpoint.clear();
    prepared.resumed = false;
  }
  return RunFresh(prepared, base, config, trainer, host);
}

Status DescribePlan(const JobPlan& plan, const inference::Model& model, TrainReport* report) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<std::string> tensors,
                            TargetTensors(model, plan.target_modules));
  report->rank = plan.rank;
  report->target_modules = plan.target_modules;
  report->trained_parameters = TrainedParameters(model, tensors, plan.rank, plan.dp);
  report->noise_to_signal = plan.noise_to_signal;
  report->plan_reason = plan.reason;
  return OkStatus();
}

// What became of a run that did not come to its end; ok if it did.
Status EndEarly(Home::Impl& home, const PreparedJob& prepared, const TrainHost& host,
                const Result<trainer::Outcome>& outcome, TrainReport* report) {
  const Lock lock(home.mutex);
  const std::string& id = prepared.job.id;
  if (host.stop_reason() == StopReason::kRecordsGone) {
    vault::RemoveCheckpoint(home.CheckpointPath(id));
    SELVEDGE_ASSIGN_OR_RETURN(const vault::Job job, home.vault->jobs().Get(id));
    return PolicyError("train: stopped: " + job.reason + "; this run was discarded");
  }
  if (!outcome.ok()) {
    const Status s = outcome.status();
    // A spent budget, a full disk or a missing library may change; a broken run will not.
    const bool lasting = s.code() == StatusCode::kNumeric || s.code() == StatusCode::kInternal ||
                         s.code() == StatusCode::kUsage;
    SELVEDGE_RETURN_IF_ERROR(SetJobState(home, id, lasting ? "failed" : "stopped", s.message(), 0));
    if (lasting) vault::RemoveCheckpoint(home.CheckpointPath(id));
    return s;
  }
  if (!outcome->stopped) return OkStatus();
  const bool time_limit = host.stop_reason() == StopReason::kTimeLimit;
  SELVEDGE_RETURN_IF_ERROR(SetJobState(
      home, id, "stopped", time_limit ? "time limit" : "stopped on request", outcome->steps_done));
  report->state = "stopped";
  if (time_limit) return OkStatus();
  return CancelledError("train: stopped on request after step " +
                        std::to_string(outcome->steps_done) + " of " +
                        std::to_string(prepared.plan.steps) + "; `train` goes on from there");
}

}  // namespace

Result<TrainReport> Home::Train(const TrainOptions& options, const std::atomic<bool>* stop,
                                const std::function<void(const TrainProgress&)>& on_progress) {
  Impl& home = *impl_;
  SELVEDGE_RETURN_IF_ERROR(CheckTrainOptions(options));
  SELVEDGE_ASSIGN_OR_RETURN(const vault::FileLock training, LockTraining(home));
  SELVEDGE_RETURN_IF_ERROR(vault::RequireRoom(home.vault->home(), "train"));
  if (!options.now) {
    SELVEDGE_RETURN_IF_ERROR(CheckConditions(options.when, home.vault->home()));
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::shared_ptr<const BaseModel> base, home.Base());
  SELVEDGE_ASSIGN_OR_RETURN(const std::unique_ptr<trainer::Trainer> trainer, MakeTrainer());
  double tokens_per_s = 0;
  if (options.minutes > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(tokens_per_s, MeasureTrainSpeed(*trainer, base->model, options));
  }
  PreparedJob prepared;
  {
    const Lock lock(home.mutex);
    SELVEDGE_RETURN_IF_ERROR(CleanUpAfterCrash(home));
    SELVEDGE_ASSIGN_OR_RETURN(prepared,
                              PrepareJob(home, options, *base, tokens_per_s, [&](PreparedJob* job) {
                                return AdmitJob(home, *base, options, *trainer, job);
                              }));
  }
  TrainHost host(&home, RunOf(prepared, *base, options, stop, on_progress));
  std::optional<Result<trainer::Outcome>> ended;
  core::RunInBackground([&] {  // inference comes first
    ended.emplace(RunTrainer(home, prepared, *base, options, *trainer, host));
  });
  const Result<trainer::Outcome>& outcome = *ended;

  TrainReport report;
  report.job_id = prepared.job.id;
  report.state = "done";
  SELVEDGE_RETURN_IF_ERROR(EndEarly(home, prepared, host, outcome, &report));
  report.steps = outcome->steps_done;
  report.label_tokens = outcome->label_tokens;
  report.label_tokens_per_s = outcome->label_tokens_per_s;
  report.loss_train = outcome->loss_last;
  SELVEDGE_RETURN_IF_ERROR(DescribePlan(prepared.plan, *base->model, &report));
  report.groups = static_cast<int64_t>(prepared.groups.size());
  report.groups_retired = prepared.groups_retired;
  report.near_duplicates = prepared.plan.near_duplicates;
  report.records = static_cast<int64_t>(prepared.train.size());
  report.resumed_from_step = prepared.resumed ? host.resumed_from(outcome->steps_done) : 0;
  if (report.state == "stopped") {
    const Lock lock(home.mutex);
    SELVEDGE_RETURN_IF_ERROR(FillEpsilon(home, prepared, &report));
  } else {
    const Status finished = FinishJob(home, prepared, *base, *outcome, options.threads, &report);
    if (!finished.ok()) {
      const Lock lock(home.mutex);
      SELVEDGE_RETURN_IF_ERROR(
          SetJobState(home, prepared.job.id, "stopped", finished.message(), outcome->steps_done));
      return finished;
    }
  }
  report.peak_rss_mb = static_cast<double>(core::PeakRssBytes()) / (1 << 20);
  return report;
}

}  // namespace selvedge
