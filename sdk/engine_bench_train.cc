#include <algorithm>
#include <functional>
#include <numeric>
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
  config.freeze_a = !options.train_a.value_or(!options.dp);
  config.threads = options.threads;
  config.memory_limit_mb = options.memory_limit_mb;
  config.exact_f32 = options.exact_f32;
  config.plan.steps = options.repetitions + 1;
  config.plan.noise_multiplier = 1;
  config.plan.divisor = static_cast<double>(options.batch_size);
  return config;
}

// The time that an instant, drawn uniformly over all gaps, waits for the end of its gap in all but
// a share of the cases: the smallest t with sum(max(0, gap - t)) <= share * sum(gap).
double WaitQuantile(std::vector<double> gaps, double share) {
  std::sort(gaps.begin(), gaps.end(), std::greater<>());
  const double allowed = share * std::accumulate(gaps.begin(), gaps.end(), 0.0);
  double above = 0;  // sum of the gaps that are longer than t
  for (size_t n = 1; n <= gaps.size(); ++n) {
    above += gaps[n - 1];
    const double t = (above - allowed) / static_cast<double>(n);
    if (n == gaps.size() || t >= gaps[n]) return std::max(0.0, t);
  }
  return 0;
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
  result.stop_ms_p99 = WaitQuantile(times.stop_gaps_ms, 0.01);
  result.stop_ms_max = WaitQuantile(std::move(times.stop_gaps_ms), 0);
  result.peak_rss_mb = static_cast<double>(core::PeakRssBytes()) / (1 << 20);
  return result;
}

}  // namespace selvedge
