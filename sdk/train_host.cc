#include "sdk/train_host.h"

#include <utility>

#include "storage/vault/checkpoint_file.h"

namespace selvedge {
namespace {

using std::chrono::duration;

// How often the database is asked whether the job may go on.
constexpr double kLookEverySeconds = 0.25;

double Seconds(std::chrono::steady_clock::duration d) { return duration<double>(d).count(); }

}  // namespace

TrainHost::TrainHost(Home::Impl* home, Run run)
    : home_(home),
      run_(std::move(run)),
      ledger_(home, run_.job.id, run_.affordable, run_.charged_steps) {
  if (!run_.dp) return;
  run_.event.steps = 1;
  const Result<privacy::Spent> cost = privacy::CostOf(run_.event);
  if (cost.ok()) step_cost_ = *cost;
}

bool TrainHost::RecordsGone() {
  const std::lock_guard<std::mutex> lock(home_->mutex);
  const Result<int64_t> epoch = home_->vault->settings().Counter(vault::kRemovalEpoch);
  if (!epoch.ok() || *epoch == epoch_) return false;
  const Result<vault::Job> job = home_->vault->jobs().Get(run_.job.id);
  if (job.ok() && job->state == "running") {
    epoch_ = *epoch;  // what went away was not ours
    return false;
  }
  return job.ok();
}

bool TrainHost::ShouldStop() {
  if (reason_ != StopReason::kNone) return true;
  const Clock::time_point now = Clock::now();
  if (run_.stop != nullptr && run_.stop->load()) {
    reason_ = StopReason::kRequested;
  } else if (run_.time_limit_s > 0 && Seconds(now - start_) >= run_.time_limit_s) {
    reason_ = StopReason::kTimeLimit;
  } else if (epoch_ < 0 || Seconds(now - looked_at_) >= kLookEverySeconds) {
    looked_at_ = now;
    if (RecordsGone()) reason_ = StopReason::kRecordsGone;
  }
  return reason_ != StopReason::kNone;
}

double TrainHost::EpsilonNow(int64_t steps_here) const {
  if (run_.correlated) steps_here = run_.charged_steps == 0 ? 1 : 0;
  double most = 0;
  for (const BudgetClass& one : run_.classes) {
    const privacy::Spent spent = privacy::Add(one.spent, step_cost_, steps_here);
    most = std::max(most, privacy::FilterEpsilon(spent, home_->config.delta));
  }
  return run_.dp ? most : 0;
}

void TrainHost::OnProgress(const trainer::Progress& progress) {
  if (first_progress_ < 0) first_progress_ = progress.step;
  steps_done_ = progress.step;
  if (!run_.on_progress) return;
  TrainProgress shown;
  shown.step = progress.step;
  shown.steps = progress.steps;
  shown.loss = progress.loss;
  shown.label_tokens_per_s = progress.label_tokens_per_s;
  shown.epsilon_spent = EpsilonNow(progress.step - first_progress_ + 1);
  run_.on_progress(shown);
}

Status TrainHost::SaveCheckpoint(const std::vector<uint8_t>& state) {
  SELVEDGE_RETURN_IF_ERROR(run_.base->file().bytes().Intact());
  // What was learnt from records that are gone must not be kept.
  epoch_ = -1;
  if (RecordsGone()) reason_ = StopReason::kRecordsGone;
  if (reason_ == StopReason::kRecordsGone) return OkStatus();
  SELVEDGE_RETURN_IF_ERROR(vault::WriteCheckpoint(
      home_->CheckpointPath(run_.job.id), home_->vault->checkpoint_key(), run_.job.id, state));
  const std::lock_guard<std::mutex> lock(home_->mutex);
  vault::Vault& v = *home_->vault;
  return v.Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(vault::Job job, v.jobs().Get(run_.job.id));
    if (job.state != "running") return OkStatus();
    job.steps_done = std::max(job.steps_done, steps_done_);
    return v.jobs().Update(job);
  });
}

int64_t TrainHost::resumed_from(int64_t otherwise) const {
  if (ledger_.first_step() >= 0) return ledger_.first_step();
  return first_progress_ >= 0 ? first_progress_ - 1 : otherwise;
}

}  // namespace selvedge
