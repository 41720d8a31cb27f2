#include "sdk/job_plan.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sdk/capacity.h"
#include "sdk/participants.h"
#include "sdk/train_options.h"

namespace selvedge {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kDefaultSteps = 30;
// Without privacy the field's habit: three passes in small batches.
constexpr int64_t kPlainPasses = 3;
constexpr int64_t kPlainBatch = 32;
// Private steps take a share of the groups where that costs hardly more noise, and enough of them
// that chance in the draw (1 / sqrt(groups)) stays small beside the noise.
constexpr double kMostExtraNoise = 1.1;
constexpr int64_t kFewestSampled = 256;
// Bounds the cost of a step whatever the records' length; what a record needs more takes turns.
constexpr int64_t kDefaultSeqLen = 64;

std::string Text(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

void PlanWithoutPrivacy(const TrainOptions& o, int64_t groups, JobPlan* plan) {
  const int64_t batch = o.batch_size > 0 ? o.batch_size : kPlainBatch;
  Participants all;
  SetBatch(batch, groups, &all);
  plan->sampling_rate = all.sampling_rate;
  plan->divisor = all.divisor;
  if (o.steps == 0) {
    plan->steps =
        static_cast<int64_t>(std::ceil(static_cast<double>(kPlainPasses) / plan->sampling_rate));
  }
}

// Sets who takes part, sampling and noise. The noise of a run goes with noise multiplier over
// divisor.
Status PlanPrivacy(const TrainOptions& o, const std::vector<BudgetClass>& classes, int64_t groups,
                   const HomeConfig& home, JobPlan* plan) {
  if (home.delta * static_cast<double>(groups) >= 1) {
    return UsageError("train: delta: the home's " + Text(home.delta) +
                      " must be below 1 / groups, groups are " + std::to_string(groups));
  }
  SELVEDGE_ASSIGN_OR_RETURN(Participants who, ChooseParticipants(o, plan->steps, classes, home));
  if (o.batch_size == 0 && o.noise_multiplier == 0) {
    const double most = kMostExtraNoise * who.noise_multiplier / who.divisor;
    TrainOptions sampled = o;
    for (const int64_t share : {2, 4}) {
      sampled.batch_size = who.groups / share;
      if (sampled.batch_size < kFewestSampled) break;
      const Result<Participants> fewer = ChooseParticipants(sampled, plan->steps, classes, home);
      if (!fewer.ok() || fewer->noise_multiplier / fewer->divisor > most) break;
      who = *fewer;
    }
  }
  plan->sampling_rate = who.sampling_rate;
  plan->divisor = who.divisor;
  plan->noise_multiplier = who.noise_multiplier;
  plan->most_spent = who.most_spent;
  return OkStatus();
}

int64_t SeqLen(const TrainOptions& o, int64_t context) {
  if (o.seq_len > 0) return o.seq_len;
  return o.dp ? std::min(kDefaultSeqLen, context) : context;
}

}  // namespace

Result<JobPlan> MakePlan(const TrainOptions& o, const std::vector<BudgetClass>& classes,
                         const inference::Model& model, const HomeConfig& home) {
  const int64_t model_context = model.config().n_ctx;
  if (o.seq_len > model_context) {
    return UsageError("train: seq len: got " + std::to_string(o.seq_len) +
                      ", the model's context is " + std::to_string(model_context));
  }
  JobPlan plan;
  plan.dp = o.dp;
  plan.steps = o.steps > 0 ? o.steps : kDefaultSteps;
  plan.clip_norm = o.clip_norm;
  plan.seq_len = SeqLen(o, model_context);
  plan.learning_rate = o.learning_rate;
  plan.seed = o.seed;
  int64_t groups = 0;
  for (const BudgetClass& one : classes) groups += one.groups;
  if (plan.dp) {
    SELVEDGE_RETURN_IF_ERROR(PlanPrivacy(o, classes, groups, home, &plan));
  } else {
    PlanWithoutPrivacy(o, groups, &plan);
  }
  SELVEDGE_ASSIGN_OR_RETURN(const Capacity capacity,
                            ChooseCapacity(o, model, plan.Event(plan.steps), plan.divisor));
  plan.rank = capacity.rank;
  plan.alpha = o.alpha > 0 ? o.alpha : 2 * capacity.rank;
  plan.target_modules = capacity.target_modules;
  plan.noise_to_signal = capacity.noise_to_signal;
  plan.reason = capacity.reason;
  return plan;
}

std::string PlanToJson(const JobPlan& p) {
  return Json{{"version", 1},
              {"dp", p.dp},
              {"steps", p.steps},
              {"sampling_rate", p.sampling_rate},
              {"noise_multiplier", p.noise_multiplier},
              {"clip_norm", p.clip_norm},
              {"divisor", p.divisor},
              {"rank", p.rank},
              {"alpha", p.alpha},
              {"target_modules", p.target_modules},
              {"seq_len", p.seq_len},
              {"learning_rate", p.learning_rate},
              {"seed", p.seed},
              {"noise_to_signal", p.noise_to_signal},
              {"reason", p.reason}}
      .dump();
}

Result<JobPlan> PlanFromJson(const std::string& text) {
  const Json j = Json::parse(text, nullptr, false);
  if (!j.is_object() || j.value("version", 0) != 1) {
    return IncompatibleError("job: its plan is of another version, start a new job");
  }
  JobPlan p;
  p.dp = j.value("dp", true);
  p.steps = j.value("steps", int64_t{0});
  p.sampling_rate = j.value("sampling_rate", 1.0);
  p.noise_multiplier = j.value("noise_multiplier", 0.0);
  p.clip_norm = j.value("clip_norm", 1.0);
  p.divisor = j.value("divisor", 1.0);
  p.rank = j.value("rank", 8);
  p.alpha = j.value("alpha", 16.0);
  p.target_modules = j.value("target_modules", std::vector<std::string>());
  p.seq_len = j.value("seq_len", int64_t{0});
  p.learning_rate = j.value("learning_rate", 0.0);
  p.seed = j.value("seed", uint64_t{0});
  p.noise_to_signal = j.value("noise_to_signal", 0.0);
  p.reason = j.value("reason", std::string());
  return p;
}

std::string ConfigurationText(const TrainOptions& o, const HomeConfig& home) {
  return Json{{"base", home.base_digest},
              {"dp", o.dp},
              {"epsilon", o.epsilon},
              {"noise_multiplier", o.noise_multiplier},
              {"clip_norm", o.clip_norm},
              {"rank", o.rank},
              {"alpha", o.alpha},
              {"target_modules", TargetModules(o.target_modules)},
              {"steps", o.steps},
              {"batch_size", o.batch_size},
              {"seq_len", o.seq_len},
              {"learning_rate", o.learning_rate},
              {"seed", o.seed}}
      .dump();
}

Result<trainer::Config> TrainerConfig(const JobPlan& plan, const HomeConfig& home,
                                      const inference::Model& model, const TrainOptions& options) {
  trainer::Config c;
  SELVEDGE_ASSIGN_OR_RETURN(c.target_modules, TargetTensors(model, plan.target_modules));
  c.rank = static_cast<uint32_t>(plan.rank);
  c.alpha = static_cast<float>(plan.alpha);
  c.dp = plan.dp;
  c.freeze_a = plan.dp;  // FFA-LoRA: noise enters linearly, and half the parameters carry it
  c.learning_rate = plan.learning_rate;
  c.seed = plan.seed;
  c.threads = options.threads;
  c.memory_limit_mb = options.memory_limit_mb;
  c.plan.unit = home.unit;
  c.plan.sampling_rate = plan.sampling_rate;
  c.plan.noise_multiplier = plan.noise_multiplier;
  c.plan.clip_norm = plan.clip_norm;
  c.plan.steps = plan.steps;
  c.plan.delta = home.delta;
  c.plan.divisor = plan.divisor;
  c.plan.parameters = TrainedParameters(model, c.target_modules, plan.rank, c.freeze_a);
  return c;
}

}  // namespace selvedge
