#include <algorithm>
#include <utility>

#include "sdk/train_job.h"
#include "sdk/train_options.h"
#include "sdk/train_speed.h"
#include "sdk/trainer_library.h"

namespace selvedge {
namespace {

// What the run would cost, and what the groups that have least left would have left then.
Status FillPrivacy(const GroupBudgets& budgets, const PreparedJob& job, const HomeConfig& home,
                   TrainPlan* out) {
  const MechanismEvent event = job.plan.Event(job.plan.steps);
  SELVEDGE_ASSIGN_OR_RETURN(out->epsilon, ComputeEpsilon({event}, home.delta));
  SELVEDGE_ASSIGN_OR_RETURN(const privacy::Spent cost, privacy::CostOf(event));
  double most = 0;
  for (const BudgetClass& one : budgets.ClassesOf(GroupsOf(job.train))) {
    most = std::max(most, privacy::FilterEpsilon(privacy::Add(one.spent, cost), home.delta));
  }
  out->delta = home.delta;
  out->epsilon_left = std::max(0.0, home.epsilon_budget - most);
  if (job.plan.gate_noise_multiplier > 0) {
    out->judges = static_cast<int64_t>(GroupsOf(job.heldout).size());
    out->gate_noise_multiplier = job.plan.gate_noise_multiplier;
  }
  return OkStatus();
}

std::vector<std::string> ReasonsOf(const TrainPlan& p, const JobPlan& plan, bool kept) {
  std::vector<std::string> reasons;
  if (p.groups_retired > 0) {
    reasons.push_back(std::to_string(p.groups_retired) +
                      " groups stay out: what their budget has left would add more noise than "
                      "they add signal");
  }
  if (p.near_duplicates > 0) {
    reasons.push_back(std::to_string(p.near_duplicates) +
                      " records nearly repeat one of another group" +
                      (kept ? " and are protected less" : " and stay out"));
  }
  if (!plan.schedule_reason.empty()) reasons.push_back(plan.schedule_reason);
  if (!plan.reason.empty()) reasons.push_back(plan.reason);
  return reasons;
}

}  // namespace

Result<TrainPlan> Home::Plan(const TrainOptions& options) {
  Impl& home = *impl_;
  SELVEDGE_RETURN_IF_ERROR(CheckTrainOptions(options));
  SELVEDGE_ASSIGN_OR_RETURN(const std::shared_ptr<const BaseModel> base, home.Base());
  SELVEDGE_ASSIGN_OR_RETURN(const std::unique_ptr<trainer::Trainer> trainer, MakeTrainer());
  TrainPlan out;
  SELVEDGE_ASSIGN_OR_RETURN(out.tokens_per_s, MeasureTrainSpeed(*trainer, base->model, options));
  const std::lock_guard<std::mutex> lock(home.mutex);
  SELVEDGE_RETURN_IF_ERROR(home.RequireIntactLedger());
  SELVEDGE_ASSIGN_OR_RETURN(const GroupBudgets budgets,
                            GroupBudgets::Read(*home.vault, home.config.delta));
  // Planning may set groups apart as held out; without a commit none of it stays.
  SELVEDGE_ASSIGN_OR_RETURN(const vault::Transaction dropped,
                            vault::Transaction::Begin(home.vault->database()));
  SELVEDGE_ASSIGN_OR_RETURN(const PreparedJob job, PlanJob(home, options, *base, out.tokens_per_s));
  const JobPlan& plan = job.plan;
  out.groups = static_cast<int64_t>(GroupsOf(job.train).size());
  out.groups_retired = job.groups_retired;
  out.near_duplicates = plan.near_duplicates;
  out.records = static_cast<int64_t>(job.train.size());
  out.sampling_rate = plan.sampling_rate;
  out.groups_per_step = plan.divisor;
  out.steps = plan.steps;
  out.noise_multiplier = plan.noise_multiplier;
  if (plan.dp) SELVEDGE_RETURN_IF_ERROR(FillPrivacy(budgets, job, home.config, &out));
  out.rank = plan.rank;
  out.target_modules = plan.target_modules;
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<std::string> tensors,
                            TargetTensors(*base->model, plan.target_modules));
  out.trained_parameters = TrainedParameters(*base->model, tensors, plan.rank, plan.dp);
  out.noise_to_signal = plan.noise_to_signal;
  SELVEDGE_ASSIGN_OR_RETURN(
      const std::vector<trainer::Group> groups,
      MakeGroups(*base->tokenizer, job.train, plan.seq_len, plan.windows_per_step));
  const double share = plan.divisor / static_cast<double>(groups.size());  // in a step
  out.minutes =
      TokensPerStep(groups) * share * static_cast<double>(plan.steps) / out.tokens_per_s / 60;
  out.reasons = ReasonsOf(out, plan, options.keep_near_duplicates);
  return out;
}

}  // namespace selvedge
