#include "sdk/job_plan.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "sdk/correlation_json.h"
#include "sdk/train_options.h"

namespace selvedge {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

MechanismEvent JobPlan::Event(int64_t n) const {
  if (!correlation) return {sampling_rate, noise_multiplier, n};
  return {1, privacy::RunNoiseMultiplier(noise_multiplier, *correlation), 1};
}

MechanismEvent JobPlan::NoiseOfRun() const {
  if (!correlation) return Event(steps);
  const double last = privacy::ErrorOf(correlation->blt, steps).max;
  return {1, noise_multiplier * last / std::sqrt(static_cast<double>(steps)), steps};
}

std::string PlanToJson(const JobPlan& p) {
  Json json = {{"version", 1},
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
               {"optimizer", p.optimizer == Optimizer::kSgd ? "sgd" : "adam"},
               {"learning_rate", p.learning_rate},
               {"dropout", p.dropout},
               {"seed", p.seed},
               {"noise_to_signal", p.noise_to_signal},
               {"reason", p.reason},
               {"windows_per_step", p.windows_per_step},
               {"near_duplicates", p.near_duplicates},
               {"keep_near_duplicates", p.keep_near_duplicates},
               {"gate_noise_multiplier", p.gate_noise_multiplier}};
  if (p.correlation) json["correlation"] = CorrelationJson(*p.correlation);
  return json.dump();
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
  p.optimizer =
      j.value("optimizer", std::string("adam")) == "sgd" ? Optimizer::kSgd : Optimizer::kAdam;
  p.learning_rate = j.value("learning_rate", 0.0);
  p.dropout = j.value("dropout", 0.0);
  p.seed = j.value("seed", uint64_t{0});
  p.noise_to_signal = j.value("noise_to_signal", 0.0);
  p.reason = j.value("reason", std::string());
  p.windows_per_step = j.value("windows_per_step", int64_t{0});
  p.near_duplicates = j.value("near_duplicates", int64_t{0});
  p.keep_near_duplicates = j.value("keep_near_duplicates", true);
  p.gate_noise_multiplier = j.value("gate_noise_multiplier", 0.0);
  if (j.contains("correlation")) {
    SELVEDGE_ASSIGN_OR_RETURN(p.correlation,
                              ReadCorrelation(j["correlation"], p.steps, "job: correlation"));
  }
  return p;
}

std::string ConfigurationText(const TrainOptions& o, const HomeConfig& home) {
  return Json{{"base", home.base_digest},
              {"dp", o.dp},
              {"epsilon", o.epsilon},
              {"noise_multiplier", o.noise_multiplier},
              {"mechanism", static_cast<int>(o.mechanism)},
              {"clip_norm", o.clip_norm},
              {"rank", o.rank},
              {"alpha", o.alpha},
              {"target_modules", TargetModules(o.target_modules)},
              {"steps", o.steps},
              {"batch_size", o.batch_size},
              {"seq_len", o.seq_len},
              {"optimizer", o.optimizer == Optimizer::kSgd ? "sgd" : "adam"},
              {"learning_rate", o.learning_rate},
              {"dropout", o.dropout},
              {"seed", o.seed},
              {"private_gate", o.private_gate},
              {"keep_near_duplicates", o.keep_near_duplicates},
              {"records_per_group", o.records_per_group},
              {"windows_per_step", o.windows_per_step},
              {"minutes", o.minutes}}
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
  c.optimizer =
      plan.optimizer == Optimizer::kSgd ? trainer::Optimizer::kSgd : trainer::Optimizer::kAdam;
  c.learning_rate = plan.learning_rate;
  c.dropout = plan.dropout;
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
  c.plan.correlation = plan.correlation;
  c.plan.parameters = TrainedParameters(model, c.target_modules, plan.rank, c.freeze_a);
  return c;
}

}  // namespace selvedge
