#pragma once
// The stages of one training job; Home::Train walks through them in order.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "sdk/base_model.h"
#include "sdk/budget.h"
#include "sdk/home_impl.h"
#include "sdk/job_plan.h"
#include "sdk/train_data.h"

namespace selvedge {

// A job that is ready to run: chosen or made, its row and plan are in the vault.
struct PreparedJob {
  vault::Job job;
  JobPlan plan;
  bool resumed = false;
  std::vector<uint8_t> checkpoint;  // empty: from the start
  std::vector<vault::EligibleRecord> train;
  std::vector<vault::EligibleRecord> heldout;  // that judge it
  std::vector<trainer::Group> groups;          // of the train records, set by Admit
  std::vector<BudgetClass> classes;            // what the job's groups had spent before this run
  int64_t affordable = 0;                      // steps that their budgets still allow
  int64_t charged_steps = 0;   // with correlated noise: of the job, by earlier processes
  int64_t groups_retired = 0;  // whose budget does not allow the run
};

// kDeferred, naming each condition that does not hold or is unknown, and low storage.
Status CheckConditions(const std::vector<Condition>& wanted, const std::string& home);

// Under the training lock: jobs whose trainer is gone become "stopped", adapter folders without a
// registry row are removed. Needs the home's mutex.
Status CleanUpAfterCrash(Home::Impl& home);

// The distinct groups of records, by key.
std::vector<vault::Bytes> GroupsOf(const std::vector<vault::EligibleRecord>& records);

// What a new job of these options would be: records, who takes part and who judges, plan. Groups
// may be set apart as held out: call it in a transaction.
//   tokens_per_s   of this machine; needed for options.minutes
Result<PreparedJob> PlanJob(Home::Impl& home, const TrainOptions& options, const BaseModel& base,
                            double tokens_per_s);

// Says whether a chosen job can run at all, before a row of it is written.
using Admit = std::function<Status(PreparedJob* job)>;

// Picks the job to resume or makes a new one; what `admit` refuses leaves no trace. Needs the
// home's mutex.
Result<PreparedJob> PrepareJob(Home::Impl& home, const TrainOptions& options, const BaseModel& base,
                               double tokens_per_s, const Admit& admit);

// Judges the finished weights, and signs, stores and activates them if they pass. Fills the report.
Status FinishJob(Home::Impl& home, const PreparedJob& prepared, const BaseModel& base,
                 const trainer::Outcome& outcome, int threads, TrainReport* report);

// The report's epsilon_spent and epsilon_left (of the job's group that spent most) and delta, from
// the ledger. Needs the home's mutex.
Status FillEpsilon(Home::Impl& home, const PreparedJob& prepared, TrainReport* report);

// Writes the job's final state. Needs the home's mutex.
Status SetJobState(Home::Impl& home, const std::string& id, const std::string& state,
                   const std::string& reason, int64_t steps_done);

}  // namespace selvedge
