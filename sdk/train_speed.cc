#include "sdk/train_speed.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "core/seeded_random.h"
#include "sdk/plan_solver.h"
#include "sdk/train_options.h"

namespace selvedge {
namespace {

constexpr int64_t kGroups = 8;
constexpr int64_t kSteps = 4;

// Times every step. What it trains on is random and what comes out is dropped, so its ledger has
// nothing to charge.
class TimingHost final : public trainer::Host, public privacy::SpendLedger {
 public:
  using Clock = std::chrono::steady_clock;

  explicit TimingHost(int64_t labels_per_step) : labels_(static_cast<double>(labels_per_step)) {}

  privacy::SpendLedger& ledger() override { return *this; }
  bool ShouldStop() override {
    const Clock::time_point now = Clock::now();
    if (looked_ != Clock::time_point{}) {
      times.stop_gaps_ms.push_back(
          std::chrono::duration<double, std::milli>(now - looked_).count());
    }
    looked_ = now;
    return false;
  }
  Status SaveCheckpoint(const std::vector<uint8_t>&) override { return OkStatus(); }

  void OnProgress(const trainer::Progress& progress) override {
    const Clock::time_point now = Clock::now();
    const double cpu = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    times.loss = progress.loss;
    if (progress.step > 1) {  // the first step loads pages and grows buffers
      times.tokens_per_s.push_back(labels_ / std::chrono::duration<double>(now - last_).count());
      times.tokens_per_cpu_s.push_back(labels_ / (cpu - last_cpu_));
    }
    last_ = now;
    last_cpu_ = cpu;
  }

  StepTimes times;

 private:
  Status WriteCharge(int64_t) override { return OkStatus(); }

  double labels_;
  Clock::time_point last_;
  double last_cpu_ = 0;
  Clock::time_point looked_;
};

std::vector<trainer::Group> RandomGroups(int64_t count, int64_t labels, uint32_t vocab) {
  core::SeededRandom random(1);
  std::vector<trainer::Group> groups(static_cast<size_t>(count));
  for (trainer::Group& group : groups) {
    trainer::Example example;
    for (int64_t t = 0; t <= labels; ++t) {
      example.tokens.push_back(static_cast<int32_t>(random.NextU64() % vocab));
      example.is_label.push_back(t > 0 ? 1 : 0);
    }
    group.examples.push_back(std::move(example));
  }
  return groups;
}

}  // namespace

Result<StepTimes> TimeSteps(trainer::Trainer& trainer,
                            std::shared_ptr<const inference::Model> model,
                            const trainer::Config& config, int64_t groups, int64_t labels) {
  const std::vector<trainer::Group> random = RandomGroups(groups, labels, model->config().n_vocab);
  TimingHost host(groups * labels);
  SELVEDGE_RETURN_IF_ERROR(trainer.Run(std::move(model), random, config, {}, host).status());
  return std::move(host.times);
}

Result<double> MeasureTrainSpeed(trainer::Trainer& trainer,
                                 std::shared_ptr<const inference::Model> model,
                                 const TrainOptions& options) {
  trainer::Config config;
  SELVEDGE_ASSIGN_OR_RETURN(config.target_modules, TargetTensors(*model, {"all-linear"}));
  config.threads = options.threads;
  config.memory_limit_mb = options.memory_limit_mb;
  config.plan.steps = kSteps;
  config.plan.noise_multiplier = 1;
  config.plan.divisor = static_cast<double>(kGroups);
  const int64_t labels = SeqLen(options, model->config().n_ctx) - 1;
  SELVEDGE_ASSIGN_OR_RETURN(StepTimes times,
                            TimeSteps(trainer, std::move(model), config, kGroups, labels));
  std::sort(times.tokens_per_s.begin(), times.tokens_per_s.end());
  return times.tokens_per_s[times.tokens_per_s.size() / 2];
}

}  // namespace selvedge
