#include "trainer/run/training_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/secure_random.h"
#include "core/seeded_random.h"
#include "trainer/job/trainable.h"
#include "trainer/lora/init.h"
#include "trainer/optim/schedule.h"
#include "trainer/optim/sgd.h"
#include "trainer/run/checkpoint.h"
#include "trainer/run/gradient_pass.h"
#include "trainer/run/input_basis.h"
#include "trainer/run/validate.h"

namespace selvedge::trainer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMaxFailedInARow = 3;
// A checkpoint follows every step, unless steps are so short that this would cost more than a tenth
// of the time; a kill then loses what was done since.
constexpr double kCheckpointShare = 0.1;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Sampling without privacy: each group with probability q, reproducible from (seed, step).
std::vector<uint32_t> SampleSeeded(const Config& config, size_t groups, int64_t step) {
  std::vector<uint32_t> sampled;
  core::SeededRandom random(config.seed, 0x73616d70u + static_cast<uint64_t>(step));
  for (uint32_t i = 0; i < groups; ++i) {
    if (config.plan.sampling_rate >= 1 || random.NextDouble() < config.plan.sampling_rate) {
      sampled.push_back(i);
    }
  }
  return sampled;
}

class TrainingRun {
 public:
  TrainingRun(const inference::Model& model, const std::vector<Group>& groups, const Config& config,
              LoraLayout layout, const MemoryPlan& memory, Host& host)
      : model_(model),
        groups_(groups),
        config_(config),
        layout_(std::move(layout)),
        host_(host),
        pool_(config.threads),
        pass_(model_, layout_, memory, pool_,
              config.exact_f32 ? kernels::GemmPrecision::kFloat32 : kernels::GemmPrecision::kFast,
              config.seed),
        schedule_(
            MakeSchedule(config.dp, config.freeze_a, config.learning_rate, config.plan.steps)) {}

  Status Start(const std::vector<uint8_t>& checkpoint);
  Result<Outcome> Loop();

 private:
  struct StepSums {
    int64_t labels = 0;
    double loss = 0;
  };
  // Each returns kCancelled if stopped before the step was released; the state is then as before.
  Status PrivateStep();
  Status PlainStep();
  // All gradients of the step's groups to `add`; kCancelled if stopped.
  template <typename Add>
  Status Gradients(std::span<const uint32_t> sampled, StepSums* sums, const Add& add);
  // The canaries among the sampled groups: those with numbers behind the real ones.
  void AddCanaries(std::span<const uint32_t> sampled, privacy::GroupGradientSum* sum) const;
  // With correlated noise: steps that a process charged before it died, without a checkpoint.
  void SkipChargedSteps();
  // Counts the step and decides about a discarded update.
  Status FinishStep(const Status& update, const StepSums& sums);
  Status Checkpoint();
  Status CheckpointIfDue();
  Result<Outcome> Finish(bool stopped);

  const inference::Model& model_;
  const std::vector<Group>& groups_;
  const Config& config_;
  const LoraLayout layout_;
  Host& host_;
  core::ThreadPool pool_;
  GradientPass pass_;
  const Schedule schedule_;
  const AdamOptions adam_;
  const SgdOptions sgd_;
  core::Sha256Digest fingerprint_{};
  std::optional<core::SecureRandom> random_;            // with privacy only
  std::optional<privacy::CorrelatedNoise> correlated_;  // with correlated noise only
  RunState state_;
  int64_t saved_step_ = -1;
  double save_seconds_ = 0;  // cost of the last checkpoint
  Clock::time_point saved_at_ = Clock::now();
  int64_t labels_here_ = 0;  // processed by this call, for the rate
  double seconds_here_ = 0;
};

Status TrainingRun::Start(const std::vector<uint8_t>& checkpoint) {
  if (config_.dp) {
    SELVEDGE_ASSIGN_OR_RETURN(core::SecureRandom random, core::SecureRandom::Create());
    random_.emplace(std::move(random));
    if (config_.plan.correlation) {
      correlated_.emplace(config_.plan.correlation->blt, layout_.trained());
    }
  }
  fingerprint_ = Fingerprint(model_, groups_, config_);
  if (!checkpoint.empty()) {
    const size_t noise = correlated_ ? correlated_->state().size() : 0;
    SELVEDGE_ASSIGN_OR_RETURN(
        state_, LoadState(checkpoint, fingerprint_, layout_.trained(), layout_.frozen(), noise));
    saved_step_ = state_.step;
    if (!correlated_) return OkStatus();
    SELVEDGE_RETURN_IF_ERROR(correlated_->Restore(state_.step, state_.noise));
    SkipChargedSteps();
    return OkStatus();
  }
  if (layout_.freeze_a()) {
    state_.frozen = config_.basis_text.empty() ? WeightBasis(layout_, config_.seed, pool_)
                                               : InputBasis(
                                                     layout_, config_.basis_text, config_.seed,
                                                     [this] { return host_.ShouldStop(); }, pass_);
    if (state_.frozen.empty()) return CancelledError("training: stopped before the first step");
  }
  state_.optimizer = OptimizerState::Start(InitialWeights(layout_, config_.seed));
  if (correlated_) SkipChargedSteps();
  return OkStatus();
}

void TrainingRun::SkipChargedSteps() {
  state_.step = std::max(state_.step, host_.ChargedSteps());
  correlated_->SkipTo(state_.step);
}

template <typename Add>
Status TrainingRun::Gradients(std::span<const uint32_t> sampled, StepSums* sums, const Add& add) {
  const bool complete = pass_.Run(
      groups_, sampled, state_.step, state_.frozen, state_.optimizer.weights,
      [this] { return host_.ShouldStop(); },
      [&](const GroupResult& group) {
        sums->labels += group.labels;
        sums->loss += group.loss;
        add(group);
      });
  return complete ? OkStatus() : CancelledError("training: stopped on request");
}

void TrainingRun::AddCanaries(std::span<const uint32_t> sampled,
                              privacy::GroupGradientSum* sum) const {
  if (sampled.empty()) return;
  std::vector<float> gradient(config_.plan.parameters, 0.0f);
  for (const uint32_t group : sampled) {
    float& spike = gradient[config_.canaries[group - groups_.size()]];
    spike = static_cast<float>(kCanaryNorms * config_.plan.clip_norm);
    sum->Add(gradient);
    spike = 0;
  }
}

Status TrainingRun::PrivateStep() {
  const std::vector<uint32_t> all = privacy::SampleGroups(
      config_.plan, static_cast<uint32_t>(groups_.size() + config_.canaries.size()), state_.step,
      *random_);
  const auto first_canary = std::lower_bound(all.begin(), all.end(), groups_.size());
  const std::span<const uint32_t> sampled(all.begin(), first_canary);
  SELVEDGE_ASSIGN_OR_RETURN(privacy::GroupGradientSum sum,
                            privacy::GroupGradientSum::Create(config_.plan));
  StepSums sums;
  SELVEDGE_RETURN_IF_ERROR(
      Gradients(sampled, &sums, [&sum](const GroupResult& group) { sum.Add(group.gradient); }));
  AddCanaries({first_canary, all.end()}, &sum);
  SELVEDGE_ASSIGN_OR_RETURN(privacy::SpendReceipt receipt, host_.ledger().Charge(state_.step));
  SELVEDGE_ASSIGN_OR_RETURN(privacy::NoisedGradient noised,
                            privacy::AddNoise(std::move(sum).Finish(), std::move(receipt), *random_,
                                              correlated_ ? &*correlated_ : nullptr));
  host_.OnRelease(noised);
  const double rate = schedule_.Rate(state_.step);
  if (config_.optimizer == Optimizer::kSgd) {
    return FinishStep(DpSgd(sgd_).Step(std::move(noised), rate, &state_.optimizer), sums);
  }
  return FinishStep(
      DpAdam(adam_, layout_.Blocks()).Step(std::move(noised), rate, &state_.optimizer), sums);
}

Status TrainingRun::PlainStep() {
  const std::vector<uint32_t> sampled = SampleSeeded(config_, groups_.size(), state_.step);
  MeanGradient mean(layout_.trained());
  StepSums sums;
  SELVEDGE_RETURN_IF_ERROR(Gradients(sampled, &sums, [&mean](const GroupResult& group) {
    mean.Add(group.gradient, group.labels);
  }));
  const double rate = schedule_.Rate(state_.step);
  if (config_.optimizer == Optimizer::kSgd) {
    return FinishStep(PlainSgd(sgd_).Step(mean, rate, &state_.optimizer), sums);
  }
  return FinishStep(PlainAdam(adam_).Step(mean, rate, &state_.optimizer), sums);
}

Status TrainingRun::FinishStep(const Status& update, const StepSums& sums) {
  if (!update.ok() && update.code() != StatusCode::kNumeric) return update;
  state_.failed_in_a_row = update.ok() ? 0 : state_.failed_in_a_row + 1;
  if (state_.failed_in_a_row >= kMaxFailedInARow) {
    return NumericError("training: step " + std::to_string(state_.step) + ": " +
                        std::to_string(kMaxFailedInARow) + " updates in a row were not finite");
  }
  if (sums.labels > 0) {
    state_.loss_last = sums.loss / static_cast<double>(sums.labels);
    if (state_.label_tokens == 0) state_.loss_first = state_.loss_last;
  }
  state_.label_tokens += sums.labels;
  labels_here_ += sums.labels;
  ++state_.step;
  return OkStatus();
}

Status TrainingRun::Checkpoint() {
  if (saved_step_ == state_.step) return OkStatus();
  const Clock::time_point start = Clock::now();
  if (correlated_) state_.noise.assign(correlated_->state().begin(), correlated_->state().end());
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, SaveState(state_, fingerprint_));
  SELVEDGE_RETURN_IF_ERROR(host_.SaveCheckpoint(bytes));
  save_seconds_ = SecondsSince(start);
  saved_at_ = Clock::now();
  saved_step_ = state_.step;
  return OkStatus();
}

Status TrainingRun::CheckpointIfDue() {
  const bool last = state_.step == config_.plan.steps;
  if (!last && SecondsSince(saved_at_) < save_seconds_ / kCheckpointShare) return OkStatus();
  return Checkpoint();
}

Result<Outcome> TrainingRun::Loop() {
  while (state_.step < config_.plan.steps) {
    if (host_.ShouldStop()) return Finish(true);
    const Clock::time_point start = Clock::now();
    const Status status = config_.dp ? PrivateStep() : PlainStep();
    if (status.code() == StatusCode::kCancelled) return Finish(true);
    if (!status.ok()) {
      SELVEDGE_RETURN_IF_ERROR(Checkpoint());
      return status;
    }
    seconds_here_ += SecondsSince(start);
    SELVEDGE_RETURN_IF_ERROR(CheckpointIfDue());
    host_.OnProgress({state_.step, config_.plan.steps, state_.loss_last, state_.label_tokens,
                      static_cast<double>(labels_here_) / seconds_here_});
  }
  return Finish(false);
}

Result<Outcome> TrainingRun::Finish(bool stopped) {
  SELVEDGE_RETURN_IF_ERROR(Checkpoint());
  Outcome outcome;
  outcome.stopped = stopped;
  outcome.steps_done = state_.step;
  outcome.label_tokens = state_.label_tokens;
  outcome.label_tokens_per_s =
      seconds_here_ > 0 ? static_cast<double>(labels_here_) / seconds_here_ : 0;
  outcome.loss_first = state_.loss_first;
  outcome.loss_last = state_.loss_last;
  outcome.adapter = layout_.Export(model_, state_.frozen, state_.optimizer.average);
  return outcome;
}

// Where the numbers lie and how large a micro-batch may be.
struct RunPlan {
  LoraLayout layout;
  MemoryPlan memory;
};

// Everything that can be refused before the first step. Completes the plan's parameter count.
Result<RunPlan> PlanRun(const inference::Model& model, const std::vector<Group>& groups,
                        Config* config) {
  SELVEDGE_RETURN_IF_ERROR(CheckTrainable(model));
  SELVEDGE_ASSIGN_OR_RETURN(const size_t longest, ValidateRun(model.config(), groups, *config));
  SELVEDGE_ASSIGN_OR_RETURN(LoraLayout layout, LoraLayout::Create(model, *config));
  if (config->dp) {
    if (config->plan.parameters == 0) config->plan.parameters = layout.trained();
    if (config->plan.parameters != layout.trained()) {
      return UsageError("training: the plan is for " + std::to_string(config->plan.parameters) +
                        " parameters, the adapter trains " + std::to_string(layout.trained()));
    }
    SELVEDGE_RETURN_IF_ERROR(config->plan.Validate());
    for (const uint64_t coordinate : config->canaries) {
      if (coordinate < config->plan.parameters) continue;
      return UsageError("training: canary: coordinate " + std::to_string(coordinate) +
                        ", the adapter trains " + std::to_string(config->plan.parameters));
    }
  }
  const int threads = core::ThreadPool(config->threads).threads();
  SELVEDGE_ASSIGN_OR_RETURN(const MemoryPlan memory,
                            PlanMemory(model, layout, longest, threads, config->memory_limit_mb));
  return RunPlan{std::move(layout), memory};
}

}  // namespace

Status CheckTraining(const inference::Model& model, const std::vector<Group>& groups,
                     Config config) {
  return PlanRun(model, groups, &config).status();
}

Result<Outcome> RunTraining(const inference::Model& model, const std::vector<Group>& groups,
                            Config config, const std::vector<uint8_t>& checkpoint, Host& host) {
  SELVEDGE_ASSIGN_OR_RETURN(RunPlan plan, PlanRun(model, groups, &config));
  TrainingRun run(model, groups, config, std::move(plan.layout), plan.memory, host);
  const Status started = run.Start(checkpoint);
  if (started.code() == StatusCode::kCancelled) {  // nothing was done, so there is nothing to save
    Outcome outcome;
    outcome.stopped = true;
    return outcome;
  }
  SELVEDGE_RETURN_IF_ERROR(started);
  return run.Loop();
}

}  // namespace selvedge::trainer
