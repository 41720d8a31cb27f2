#pragma once
// A running job's surroundings: stop requests, progress, checkpoints and charges.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <selvedge/home.h>

#include "sdk/budget.h"
#include "sdk/home_impl.h"
#include "sdk/job_ledger.h"
#include "trainer/trainer.h"

namespace selvedge {

enum class StopReason { kNone, kRequested, kTimeLimit, kRecordsGone };

class TrainHost final : public trainer::Host {
 public:
  struct Run {
    vault::Job job;
    std::vector<BudgetClass> classes;  // of the job's groups, before this run
    MechanismEvent event;              // of one step; unused without dp
    bool dp = true;
    int64_t affordable = 0;
    bool correlated = false;    // noise: the first step pays for all, and none is done twice
    int64_t charged_steps = 0;  // then, by earlier processes
    double time_limit_s = 0;
    std::shared_ptr<const inference::Model> base;  // whose bytes training reads
    const std::atomic<bool>* stop = nullptr;
    std::function<void(const TrainProgress&)> on_progress;
  };
  TrainHost(Home::Impl* home, Run run);

  privacy::SpendLedger& ledger() override { return ledger_; }
  int64_t ChargedSteps() override { return run_.charged_steps; }
  bool ShouldStop() override;
  void OnProgress(const trainer::Progress& progress) override;
  Status SaveCheckpoint(const std::vector<uint8_t>& state) override;

  StopReason stop_reason() const { return reason_; }
  // Steps that were done before this run, as far as it got anywhere; else `otherwise`.
  int64_t resumed_from(int64_t otherwise) const;

 private:
  using Clock = std::chrono::steady_clock;
  // True if the job was cancelled, by a revocation, a deletion or on request.
  bool RecordsGone();
  // Of the job's group that spent most, after so many charges of this run.
  double EpsilonNow(int64_t steps_here) const;

  Home::Impl* home_;
  Run run_;
  JobLedger ledger_;
  StopReason reason_ = StopReason::kNone;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point looked_at_ = start_;
  int64_t first_progress_ = -1;
  int64_t steps_done_ = 0;
  int64_t epoch_ = -1;
  privacy::Spent step_cost_;
};

}  // namespace selvedge
