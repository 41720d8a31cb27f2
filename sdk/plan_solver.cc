#include "sdk/plan_solver.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "privacy/correlated/blt_optimizer.h"
#include "sdk/capacity.h"
#include "sdk/judges.h"
#include "sdk/participants.h"

namespace selvedge {
namespace {

constexpr int64_t kDefaultSteps = 30;
// Without privacy the field's habit: three passes in small batches.
constexpr int64_t kPlainPasses = 3;
constexpr int64_t kPlainBatch = 32;
// Private steps take a share of the groups where that costs hardly more noise, and enough of them
// that chance in the draw (1 / sqrt(groups)) stays small beside the noise.
constexpr double kMostExtraNoise = 1.1;
constexpr int64_t kFewestSampled = 256;
// Where time is short they may be fewer and noisier, and in the end the steps fewer.
constexpr int64_t kFewestInTime = 32;
constexpr int64_t kFewestSteps = 8;
// Bounds the cost of a step whatever the records' length; what a record needs more takes turns.
constexpr int64_t kDefaultSeqLen = 64;
// Of correlated noise: the fourth gains less than a percent.
constexpr size_t kBuffers = 3;

std::string Text(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.3g", v);
  return text;
}

struct Schedule {
  Participants who;
  int64_t steps = 0;
  std::string reason;
  std::optional<privacy::Correlation> correlation;
};

// Noise of a run goes with noise multiplier over groups in a step.
double Noise(const Participants& who) { return who.noise_multiplier / who.divisor; }

class Scheduler {
 public:
  Scheduler(const TrainOptions& options, const PlanInputs& inputs, const HomeConfig& home)
      : options_(options), inputs_(inputs), home_(home) {}

  Result<Schedule> Choose() const {
    const int64_t steps = options_.steps > 0 ? options_.steps : kDefaultSteps;
    SELVEDGE_ASSIGN_OR_RETURN(Schedule chosen, With(options_.batch_size, steps));
    if (options_.batch_size == 0 && options_.noise_multiplier == 0) TakeShares(&chosen);
    if (FitsTime(chosen) || options_.steps > 0) return chosen;
    const auto fitting = static_cast<int64_t>(60 * options_.minutes / StepSeconds(chosen));
    if (fitting < kFewestSteps) {
      return DeferredError("train: minutes: got " + Text(options_.minutes) + ", " +
                           std::to_string(kFewestSteps) + " steps need " +
                           Text(kFewestSteps * StepSeconds(chosen) / 60));
    }
    const bool full = chosen.who.sampling_rate >= 1;
    const int64_t batch = full ? 0 : static_cast<int64_t>(chosen.who.divisor);
    SELVEDGE_ASSIGN_OR_RETURN(Schedule shorter, With(batch, fitting));
    shorter.reason =
        chosen.reason + "; " + std::to_string(fitting) + " steps are all that the minutes allow";
    return shorter;
  }

 private:
  Result<Schedule> With(int64_t batch, int64_t steps) const {
    TrainOptions o = options_;
    o.batch_size = batch;
    Schedule out;
    SELVEDGE_ASSIGN_OR_RETURN(out.who, ChooseParticipants(o, steps, inputs_.classes, home_));
    out.steps = steps;
    out.reason = out.who.sampling_rate < 1 ? "the batch is given" : "each step takes all groups";
    return out;
  }

  // Halves the batch as long as that is nearly free, or as time asks for it.
  void TakeShares(Schedule* chosen) const {
    const double all = Noise(chosen->who);
    const int64_t groups = chosen->who.groups;
    for (int64_t share = 2; share <= 16; share *= 2) {
      const bool hurry = !FitsTime(*chosen);
      if (groups / share < (hurry ? kFewestInTime : kFewestSampled) || (share > 4 && !hurry))
        return;
      const Result<Schedule> fewer = With(groups / share, chosen->steps);
      if (!fewer.ok() || (!hurry && Noise(fewer->who) > kMostExtraNoise * all)) return;
      *chosen = *fewer;
      chosen->reason = "each step takes 1/" + std::to_string(share) + " of the groups, for " +
                       Text(Noise(chosen->who) / all) + " times the noise of all" +
                       (hurry ? ", to end in time" : "");
    }
  }

  double StepSeconds(const Schedule& s) const { return inputs_.seconds_per_group * s.who.divisor; }
  bool FitsTime(const Schedule& s) const {
    return options_.minutes == 0 ||
           static_cast<double>(s.steps) * StepSeconds(s) <= 60 * options_.minutes;
  }

  const TrainOptions& options_;
  const PlanInputs& inputs_;
  const HomeConfig& home_;
};

// Groups in turns, with correlated noise: the whole run costs what one release of all groups does.
Result<Schedule> InTurns(const TrainOptions& options, const PlanInputs& inputs,
                         const HomeConfig& home) {
  TrainOptions o = options;
  o.batch_size = 0;
  Schedule out;
  SELVEDGE_ASSIGN_OR_RETURN(out.who, ChooseParticipants(o, 1, inputs.classes, home));
  const int64_t groups = out.who.groups;
  const int64_t steps = options.steps > 0 ? options.steps : kDefaultSteps;
  const int64_t batch = options.batch_size;
  const int64_t turns =
      std::clamp<int64_t>(batch > 0 ? (groups + batch - 1) / batch : steps, 1, groups);
  out.steps = options.steps > 0 || batch == 0 ? steps : turns;
  const int64_t passes = (out.steps - 1) / turns + 1;
  const privacy::Participation schema{out.steps, turns, passes};
  SELVEDGE_ASSIGN_OR_RETURN(const privacy::Blt blt, privacy::OptimizeBlt(schema, kBuffers));
  out.correlation = privacy::Correlation{blt, schema};
  // Of z, so that the run as one release has the noise multiplier that was chosen.
  out.who.noise_multiplier /= privacy::RunNoiseMultiplier(1, *out.correlation) * (1 - 1e-12);
  out.who.divisor = static_cast<double>(groups) / static_cast<double>(turns);
  out.reason = "each step takes 1/" + std::to_string(turns) + " of the groups in turn, " +
               std::to_string(passes) + (passes == 1 ? " pass" : " passes") +
               ", with correlated noise";
  return out;
}

void PlanWithoutPrivacy(const TrainOptions& o, int64_t groups, JobPlan* plan) {
  Participants all;
  SetBatch(o.batch_size > 0 ? o.batch_size : kPlainBatch, groups, &all);
  plan->sampling_rate = all.sampling_rate;
  plan->divisor = all.divisor;
  plan->steps = o.steps > 0 ? o.steps
                            : static_cast<int64_t>(std::ceil(static_cast<double>(kPlainPasses) /
                                                             plan->sampling_rate));
}

// Sets who takes part, sampling, steps and noise, and the same for the gate.
Status PlanPrivacy(const TrainOptions& o, const PlanInputs& inputs, int64_t groups,
                   const HomeConfig& home, JobPlan* plan) {
  if (home.delta * static_cast<double>(groups) >= 1) {
    return UsageError("train: delta: the home's " + Text(home.delta) +
                      " must be below 1 / groups, groups are " + std::to_string(groups));
  }
  SELVEDGE_ASSIGN_OR_RETURN(const Schedule schedule, o.mechanism == NoiseMechanism::kBlt
                                                         ? InTurns(o, inputs, home)
                                                         : Scheduler(o, inputs, home).Choose());
  plan->steps = schedule.steps;
  plan->correlation = schedule.correlation;
  plan->schedule_reason = schedule.reason;
  plan->sampling_rate = schedule.who.sampling_rate;
  plan->divisor = schedule.who.divisor;
  plan->noise_multiplier = schedule.who.noise_multiplier;
  plan->most_spent = schedule.who.most_spent;
  plan->windows_per_step = o.windows_per_step;
  if (!o.private_gate) return OkStatus();
  SELVEDGE_ASSIGN_OR_RETURN(const double epsilon,
                            ComputeEpsilon({plan->Event(plan->steps)}, home.delta));
  SELVEDGE_ASSIGN_OR_RETURN(const Judges judges, ChooseJudges(epsilon, inputs.judges, home));
  plan->judges_most_spent = judges.most_spent;
  plan->gate_noise_multiplier = judges.noise_multiplier;
  return OkStatus();
}

}  // namespace

int64_t SeqLen(const TrainOptions& o, int64_t context) {
  if (o.seq_len > 0) return o.seq_len;
  return o.dp ? std::min(kDefaultSeqLen, context) : context;
}

Result<JobPlan> MakePlan(const TrainOptions& o, const PlanInputs& inputs,
                         const inference::Model& model, const HomeConfig& home) {
  const int64_t model_context = model.config().n_ctx;
  if (o.seq_len > model_context) {
    return UsageError("train: seq len: got " + std::to_string(o.seq_len) +
                      ", the model's context is " + std::to_string(model_context));
  }
  JobPlan plan;
  plan.dp = o.dp;
  plan.clip_norm = o.clip_norm;
  plan.seq_len = SeqLen(o, model_context);
  plan.optimizer = o.optimizer;
  plan.learning_rate = o.learning_rate;
  plan.dropout = o.dropout;
  plan.seed = o.seed;
  int64_t groups = 0;
  for (const BudgetClass& one : inputs.classes) groups += one.groups;
  if (plan.dp) {
    SELVEDGE_RETURN_IF_ERROR(PlanPrivacy(o, inputs, groups, home, &plan));
  } else {
    PlanWithoutPrivacy(o, groups, &plan);
  }
  SELVEDGE_ASSIGN_OR_RETURN(const Capacity capacity,
                            ChooseCapacity(o, model, plan.NoiseOfRun(), plan.divisor));
  plan.rank = capacity.rank;
  plan.alpha = o.alpha > 0 ? o.alpha : 2 * capacity.rank;
  plan.target_modules = capacity.target_modules;
  plan.noise_to_signal = capacity.noise_to_signal;
  plan.reason = capacity.reason;
  return plan;
}

}  // namespace selvedge
