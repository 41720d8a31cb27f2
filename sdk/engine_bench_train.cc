#include <chrono>
#include <ctime>

#include <selvedge/bench.h>

#include "core/memory.h"
#include "core/seeded_random.h"
#include "sdk/engine_impl.h"
#include "sdk/train_options.h"
#include "sdk/trainer_library.h"

namespace selvedge {
namespace {

// Times every step. What it trains on is random and what comes out is dropped, so its ledger has
// nothing to charge.
class BenchHost final : public trainer::Host, public privacy::SpendLedger {
 public:
  explicit BenchHost(int64_t labels_per_step) : labels_(static_cast<double>(labels_per_step)) {}

  privacy::SpendLedger& ledger() override { return *this; }
  bool ShouldStop() override { return false; }
  Status SaveCheckpoint(const std::vector<uint8_t>&) override { return OkStatus(); }

  void OnProgress(const trainer::Progress& progress) override {
    const Clock::time_point now = Clock::now();
    const double cpu = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    result.loss = progress.loss;
    if (progress.step > 1) {  // the first step loads pages and grows buffers
      result.tokens_per_s.push_back(labels_ / std::chrono::duration<double>(now - last_).count());
      result.tokens_per_cpu_s.push_back(labels_ / (cpu - last_cpu_));
    }
    last_ = now;
    last_cpu_ = cpu;
  }

  TrainBench result;

 private:
  using Clock = std::chrono::steady_clock;
  Status WriteCharge(int64_t) override { return OkStatus(); }

  double labels_;
  Clock::time_point last_;
  double last_cpu_ = 0;
};

std::vector<trainer::Group> RandomGroups(const TrainBenchOptions& options, uint32_t vocab) {
  core::SeededRandom random(1);
  std::vector<trainer::Group> groups(static_cast<size_t>(options.batch_size));
  for (trainer::Group& group : groups) {
    trainer::Example example;
    for (int64_t t = 0; t <= options.seq_len; ++t) {
      example.tokens.push_back(static_cast<int32_t>(random.NextU64() % vocab));
      example.is_label.push_back(t > 0 ? 1 : 0);
    }
    group.examples.push_back(std::move(example));
  }
  return groups;
}

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
  const std::vector<trainer::Group> groups = RandomGroups(options, impl.model->config().n_vocab);
  SELVEDGE_ASSIGN_OR_RETURN(const auto trainer, MakeTrainer());
  BenchHost host(options.batch_size * options.seq_len);
  SELVEDGE_RETURN_IF_ERROR(trainer->Run(impl.model, groups, config, {}, host).status());
  host.result.peak_rss_mb = static_cast<double>(core::PeakRssBytes()) / (1 << 20);
  return std::move(host.result);
}

}  // namespace selvedge
