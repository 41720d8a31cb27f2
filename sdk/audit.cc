#include <selvedge/audit.h>

#include <algorithm>
#include <utility>

#include "core/secure_random.h"
#include "privacy/audit/canary_audit.h"
#include "privacy/audit/white_box.h"
#include "sdk/canary_records.h"
#include "sdk/home_impl.h"
#include "sdk/train_host.h"
#include "sdk/train_job.h"
#include "sdk/trainer_library.h"

namespace selvedge {
namespace {

constexpr char kSource[] = "audit";
constexpr int kRank = 8;

// A job's host that also reads the canaries' coordinates off every release.
class AuditHost final : public trainer::Host {
 public:
  AuditHost(TrainHost* host, std::vector<uint64_t> coordinates, const privacy::PrivacyPlan& plan)
      : host_(*host), coordinates_(std::move(coordinates)), scale_(plan.divisor / plan.clip_norm) {}

  privacy::SpendLedger& ledger() override { return host_.ledger(); }
  bool ShouldStop() override { return host_.ShouldStop(); }
  void OnProgress(const trainer::Progress& progress) override { host_.OnProgress(progress); }
  Status SaveCheckpoint(const std::vector<uint8_t>&) override { return OkStatus(); }
  void OnRelease(const privacy::NoisedGradient& release) override {
    std::vector<double> step;
    for (const uint64_t c : coordinates_) step.push_back(release.values()[c] * scale_);
    statistics_.push_back(std::move(step));
  }
  std::vector<std::vector<double>> TakeStatistics() { return std::move(statistics_); }

 private:
  TrainHost& host_;
  std::vector<uint64_t> coordinates_;
  double scale_;
  std::vector<std::vector<double>> statistics_;
};

Status CheckOptions(const AuditOptions& o) {
  if (o.canaries < 40 || o.canaries > 100000) {
    return UsageError("audit: canaries: got " + std::to_string(o.canaries) +
                      ", allowed 40 to 100000");
  }
  if (o.steps < 1) return UsageError("audit: steps: got " + std::to_string(o.steps));
  if (!(o.confidence > 0 && o.confidence < 1)) {
    return UsageError("audit: confidence: got " + std::to_string(o.confidence) +
                      ", must be above 0 and below 1");
  }
  return OkStatus();
}

// `n` different coordinates of a vector of `parameters`.
Result<std::vector<uint64_t>> DrawCoordinates(int64_t n, uint64_t parameters,
                                              core::SecureRandom& random) {
  if (parameters < 2 * static_cast<uint64_t>(n)) {
    return UsageError("audit: canaries: got " + std::to_string(n) + ", at most " +
                      std::to_string(parameters / 2) + " for this model");
  }
  std::vector<uint64_t> out;
  while (static_cast<int64_t>(out.size()) < n) {
    while (static_cast<int64_t>(out.size()) < n) out.push_back(random.NextU64() % parameters);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  }
  return out;
}

Result<Home> MakeHome(const AuditOptions& o, const CanaryRecords& records) {
  HomeOptions options;
  options.path = o.home_path;
  options.model_path = o.model_path;
  // The run is planned from its own epsilon; the lifetime budget must not get in its way.
  options.epsilon_budget = std::min(1000.0, 2 * o.epsilon);
  options.delta = o.delta;
  SELVEDGE_ASSIGN_OR_RETURN(Home home, Home::Create(options));
  SELVEDGE_RETURN_IF_ERROR(home.Grant(kSource, std::string(vault::kPersonalization), 0));
  SELVEDGE_RETURN_IF_ERROR(home.Ingest(kSource, RecordFormat::kJsonl, o.records, "").status());
  SELVEDGE_RETURN_IF_ERROR(
      home.Ingest(kSource, RecordFormat::kText, records.IncludedText(), "").status());
  return home;
}

void Fill(const privacy::CanaryVerdict& v, AuditReport* report) {
  report->epsilon_lower = v.epsilon_lower;
  report->epsilon_upper = v.epsilon_upper;
  report->confidence = v.confidence;
  report->guesses = v.guesses;
  report->correct = v.correct;
  report->step_epsilon_lower = v.step_epsilon_lower;
  report->step_epsilon_upper = v.step_epsilon_upper;
  report->noise_multiplier_measured = v.noise_multiplier;
  report->noise_standard_error = v.noise_standard_error;
  report->sensitivity = v.shift;
  report->sensitivity_standard_error = v.shift_standard_error;
  report->failures = v.failures;
}

class Audit {
 public:
  Audit(const AuditOptions& options, const std::atomic<bool>* stop,
        const std::function<void(const TrainProgress&)>& on_progress)
      : options_(options), stop_(stop), on_progress_(on_progress) {}

  Result<AuditReport> Run() {
    SELVEDGE_ASSIGN_OR_RETURN(core::SecureRandom random, core::SecureRandom::Create());
    CanaryRecords records(random);
    SELVEDGE_ASSIGN_OR_RETURN(Home home, MakeHome(options_, records));
    SELVEDGE_ASSIGN_OR_RETURN(const auto base, home.impl()->Base());
    SELVEDGE_ASSIGN_OR_RETURN(const trainer::Outcome outcome, Train(home, *base, random));
    SELVEDGE_ASSIGN_OR_RETURN(const privacy::CanaryVerdict verdict,
                              privacy::JudgeCanaries(run_, options_.confidence));
    Fill(verdict, &report_);
    report_.delta = options_.delta;
    report_.canaries = options_.canaries;
    report_.steps = outcome.steps_done;
    report_.noise_multiplier = run_.event.noise_multiplier;
    core::ThreadPool pool(options_.threads);
    SELVEDGE_ASSIGN_OR_RETURN(
        const Exposure exposure,
        records.Measure(*base, std::make_shared<adapters::LoraAdapter>(outcome.adapter), trained_,
                        pool));
    report_.exposure = exposure.mean;
    report_.exposure_by_chance = exposure.by_chance;
    report_.canary_records = exposure.included;
    return std::move(report_);
  }

 private:
  Result<trainer::Outcome> Train(Home& home, const BaseModel& base, core::SecureRandom& random) {
    TrainOptions options;
    options.steps = options_.steps;
    options.epsilon = options_.epsilon;
    options.threads = options_.threads;
    // The records' own gradients are spread thin over many numbers, or they would pass for noise.
    options.rank = kRank;
    options.target_modules = {"all-linear"};
    SELVEDGE_ASSIGN_OR_RETURN(const std::unique_ptr<trainer::Trainer> trainer, MakeTrainer());
    const auto admit = [&](PreparedJob* job) -> Status {
      SELVEDGE_ASSIGN_OR_RETURN(
          job->groups,
          MakeGroups(*base.tokenizer, job->train, job->plan.seq_len, job->plan.windows_per_step));
      return OkStatus();
    };
    PreparedJob prepared;
    {
      const std::lock_guard<std::mutex> lock(home.impl()->mutex);
      SELVEDGE_ASSIGN_OR_RETURN(prepared, PrepareJob(*home.impl(), options, base, 0, admit));
    }
    for (const vault::EligibleRecord& r : prepared.train) trained_.push_back(r.text);
    SELVEDGE_ASSIGN_OR_RETURN(
        trainer::Config config,
        TrainerConfig(prepared.plan, home.impl()->config, *base.model, options));
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<uint64_t> coordinates,
                              DrawCoordinates(options_.canaries, config.plan.parameters, random));
    for (const uint64_t coordinate : coordinates) {
      run_.included.push_back(static_cast<uint8_t>(random.NextU64() & 1));
      if (run_.included.back() != 0) config.canaries.push_back(coordinate);
    }
    TrainHost::Run run;
    run.job = prepared.job;
    run.classes = prepared.classes;
    run.event = prepared.plan.Event(1);
    run.affordable = prepared.affordable;
    run.base = base.model;
    run.stop = stop_;
    run.on_progress = on_progress_;
    TrainHost job(home.impl(), std::move(run));
    AuditHost host(&job, coordinates, config.plan);
    SELVEDGE_ASSIGN_OR_RETURN(trainer::Outcome outcome,
                              trainer->Run(base.model, prepared.groups, config, {}, host));
    if (outcome.stopped) return CancelledError("audit: stopped on request");
    run_.event = prepared.plan.Event(prepared.plan.steps);
    run_.delta = options_.delta;
    run_.statistics = host.TakeStatistics();
    return outcome;
  }

  const AuditOptions& options_;
  const std::atomic<bool>* stop_;
  const std::function<void(const TrainProgress&)>& on_progress_;
  privacy::CanaryRun run_;
  std::vector<std::string> trained_;  // texts that the job took in
  AuditReport report_;
};

}  // namespace

Result<AuditReport> RunAudit(const AuditOptions& options, const std::atomic<bool>* stop,
                             const std::function<void(const TrainProgress&)>& on_progress) {
  SELVEDGE_RETURN_IF_ERROR(CheckOptions(options));
  return Audit(options, stop, on_progress).Run();
}

}  // namespace selvedge
