#include "sdk/job_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sdk/train_options.h"

namespace selvedge {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kDefaultSteps = 30;
// Bounds the cost of a step whatever the records' length; what a record needs more takes turns.
constexpr int64_t kDefaultSeqLen = 64;
// A crash between a charge and its checkpoint costs a step again: a planned run leaves room for a
// few of them, or it could never finish.
int64_t StepsWithRoomForRestarts(int64_t steps) { return steps + 1 + steps / 20; }
// Less than this share of the budget trains noise only.
constexpr double kUsefulShare = 0.05;

std::string Text(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

Status BudgetSpent(double spent, double budget) {
  return PolicyError("privacy budget: epsilon " + Text(spent) + " of " + Text(budget) +
                     " is spent, what is left is too little for a run");
}

// The noise multiplier that options and budget lead to.
Result<double> ChooseNoise(const TrainOptions& o, const JobPlan& plan, const HomeConfig& home,
                           const std::vector<JobCharges>& charges) {
  SELVEDGE_ASSIGN_OR_RETURN(const double spent, EpsilonOf(charges, home.delta));
  if (spent >= home.epsilon_budget) return BudgetSpent(spent, home.epsilon_budget);
  const int64_t room = StepsWithRoomForRestarts(plan.steps);
  double sigma = o.noise_multiplier;
  if (o.epsilon > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(
        sigma, ComputeNoiseMultiplier(o.epsilon, home.delta, plan.sampling_rate, room));
  } else if (sigma == 0) {
    if (home.epsilon_budget - spent < kUsefulShare * home.epsilon_budget) {
      return BudgetSpent(spent, home.epsilon_budget);
    }
    SELVEDGE_ASSIGN_OR_RETURN(sigma, NoiseMultiplierFor(charges, home.epsilon_budget, home.delta,
                                                        plan.sampling_rate, room));
  }
  SELVEDGE_ASSIGN_OR_RETURN(
      const double total,
      EpsilonWith(charges, {plan.sampling_rate, sigma, plan.steps}, home.delta));
  if (total > home.epsilon_budget) {
    return PolicyError("privacy budget: this run would bring epsilon from " + Text(spent) + " to " +
                       Text(total) + ", the budget is " + Text(home.epsilon_budget));
  }
  return sigma;
}

}  // namespace

Result<JobPlan> MakePlan(const TrainOptions& o, int64_t groups, int64_t model_context,
                         const HomeConfig& home, const std::vector<JobCharges>& charges) {
  if (o.seq_len > model_context) {
    return UsageError("train: seq len: got " + std::to_string(o.seq_len) +
                      ", the model's context is " + std::to_string(model_context));
  }
  JobPlan plan;
  plan.dp = o.dp;
  plan.steps = o.steps > 0 ? o.steps : kDefaultSteps;
  const bool full = o.batch_size == 0 || o.batch_size >= groups;
  plan.sampling_rate = full ? 1 : static_cast<double>(o.batch_size) / static_cast<double>(groups);
  plan.divisor = static_cast<double>(full ? groups : o.batch_size);
  plan.clip_norm = o.clip_norm;
  plan.rank = o.rank;
  plan.alpha = o.alpha;
  plan.target_modules = TargetModules(o.target_modules);
  plan.seq_len = o.seq_len > 0 ? o.seq_len : std::min(kDefaultSeqLen, model_context);
  plan.learning_rate = o.learning_rate;
  plan.seed = o.seed;
  if (!plan.dp) return plan;
  if (home.delta * static_cast<double>(groups) >= 1) {
    return UsageError("train: delta: the home's " + Text(home.delta) +
                      " must be below 1 / groups, groups are " + std::to_string(groups));
  }
  SELVEDGE_ASSIGN_OR_RETURN(plan.noise_multiplier, ChooseNoise(o, plan, home, charges));
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
              {"seed", p.seed}}
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
