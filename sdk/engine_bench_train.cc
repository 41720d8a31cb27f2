#include <utility>

#include <selvedge/bench.h>

#include "core/memory.h"
#include "sdk/engine_impl.h"
#include "sdk/train_options.h"
#include "sdk/train_speed.h"
#include "sdk/trainer_library.h"

namespace selvedge {
namespace {

Result<trainer::Config> BenchConfig(const TrainBenchOptions& options,
                                    const inference::Model& model) {
  TrainOptions limits;  // the same ranges as for a real run
  limits.rank = options.rank;
  limits.batch_size = options.batch_size;
  limits.seq_len = options.seq_len;
  limits.memory_limit_mb = options.memory_limit_mb;
  limits.steps = options.repetitions;
  limits.threads = options.threads;
  SELVEDGE_RETURN_IF_ERROR(CheckTrainOptions(limits));
  trainer::Config config;
  config.rank = static_cast<uint32_t>(options.rank);
  SELVEDGE_ASSIGN_OR_RETURN(config.target_modules, TargetTensors(model, {"all-linear"}));
  config.dp = options.dp;
  config.freeze_a = options.dp;
  config.threads = options.threads;
  config.memory_limit_mb = options.memory_limit_mb;
  config.exact_f32 = options.exact_f32;
  config.plan.steps = options.repetitions + 1;
  config.plan.noise_multiplier = 1;
  config.plan.divisor = static_cast<double>(options.batch_size);
  return config;
}

}  // namespace

Result<TrainBench> BenchTrain(const Engine& engine, const TrainBenchOptions& options) {
  const Engine::Impl& impl = *engine.impl();
  SELVEDGE_ASSIGN_OR_RETURN(const trainer::Config config, BenchConfig(options, *impl.model));
  SELVEDGE_ASSIGN_OR_RETURN(const auto trainer, MakeTrainer());
  SELVEDGE_ASSIGN_OR_RETURN(StepTimes times, TimeSteps(*trainer, impl.model, config,
                                                       options.batch_size, options.seq_len));
  TrainBench result;
  result.tokens_per_s = std::move(times.tokens_per_s);
  result.tokens_per_cpu_s = std::move(times.tokens_per_cpu_s);
  result.loss = times.loss;
  result.peak_rss_mb = static_cast<double>(core::PeakRssBytes()) / (1 << 20);
  return result;
}

}  // namespace selvedge
