#include <map>
#include <utility>

#include "core/digest.h"
#include "core/secure_random.h"
#include "sdk/near_duplicates.h"
#include "sdk/plan_solver.h"
#include "sdk/train_gate.h"
#include "sdk/train_job.h"
#include "trainer/job/trainable.h"

namespace selvedge {
namespace {

using Records = std::vector<vault::EligibleRecord>;

// Leaves out what the options do not let take part; returns how many near-duplicates there are.
Result<int64_t> Select(const TrainOptions& options, TrainSelection* selection) {
  const int64_t repeats = LeaveOutNearDuplicates(options.keep_near_duplicates, selection);
  const auto groups = static_cast<int64_t>(GroupsOf(selection->train).size());
  if (!options.keep_near_duplicates && repeats > 0 && groups < kMinTrainGroups) {
    return DeferredError("train: not enough data: " + std::to_string(groups) +
                         " groups to train on without near-duplicates, at least " +
                         std::to_string(kMinTrainGroups));
  }
  if (options.records_per_group > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(core::SecureRandom random, core::SecureRandom::Create());
    DrawRecords(options.records_per_group, random, &selection->train);
  }
  return repeats;
}

// Leaves out the records of groups that have spent more than the plan allows.
void KeepPayers(const GroupBudgets& budgets, double most_spent, Records* records) {
  std::erase_if(*records, [&](const vault::EligibleRecord& r) {
    return budgets.EpsilonSpent(r.group_key) > most_spent;
  });
}

Result<double> TokensPerGroup(const BaseModel& base, const Records& records,
                              const TrainOptions& options) {
  const int64_t seq_len = SeqLen(options, base.model->config().n_ctx);
  SELVEDGE_ASSIGN_OR_RETURN(
      const std::vector<trainer::Group> groups,
      MakeGroups(*base.tokenizer, records, seq_len, options.windows_per_step));
  return TokensPerStep(groups) / static_cast<double>(groups.size());
}

}  // namespace

std::vector<vault::Bytes> GroupsOf(const Records& records) {
  std::map<std::string, vault::Bytes> groups;  // by the hex of their key
  for (const vault::EligibleRecord& r : records) {
    groups.emplace(core::Hex(r.group_key), r.group_key);
  }
  std::vector<vault::Bytes> out;
  for (auto& [hex, key] : groups) out.push_back(std::move(key));
  return out;
}

Result<PreparedJob> PlanJob(Home::Impl& home, const TrainOptions& options, const BaseModel& base,
                            double tokens_per_s) {
  SELVEDGE_RETURN_IF_ERROR(trainer::CheckTrainable(*base.model));
  SELVEDGE_ASSIGN_OR_RETURN(const GroupBudgets budgets,
                            GroupBudgets::Read(*home.vault, home.config.delta));
  SELVEDGE_ASSIGN_OR_RETURN(TrainSelection selection, SelectRecords(*home.vault));
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t near_duplicates, Select(options, &selection));
  PlanInputs inputs;
  inputs.classes = budgets.ClassesOf(GroupsOf(selection.train));
  inputs.judges = budgets.ClassesOf(GroupsOf(selection.heldout));
  if (options.minutes > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(const double tokens, TokensPerGroup(base, selection.train, options));
    inputs.seconds_per_group = tokens / tokens_per_s;
  }
  PreparedJob out;
  SELVEDGE_ASSIGN_OR_RETURN(out.plan, MakePlan(options, inputs, *base.model, home.config));
  out.plan.near_duplicates = near_duplicates;
  out.plan.keep_near_duplicates = options.keep_near_duplicates;
  const size_t groups = GroupsOf(selection.train).size();
  if (out.plan.dp) KeepPayers(budgets, out.plan.most_spent, &selection.train);
  out.groups_retired = static_cast<int64_t>(groups - GroupsOf(selection.train).size());
  if (out.plan.gate_noise_multiplier > 0) {
    KeepPayers(budgets, out.plan.judges_most_spent, &selection.heldout);
  }
  if (selection.heldout.size() > kMostHeldOutRecords) {
    selection.heldout.resize(kMostHeldOutRecords);
  }
  out.train = std::move(selection.train);
  out.heldout = std::move(selection.heldout);
  return out;
}

}  // namespace selvedge
