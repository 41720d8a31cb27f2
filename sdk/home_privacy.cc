#include <algorithm>
#include <map>
#include <set>

#include "core/digest.h"
#include "sdk/budget.h"
#include "sdk/home_impl.h"
#include "storage/vault/timestamp.h"

namespace selvedge {
namespace {

// The training groups that records with consent belong to, by the day they arrived.
Result<std::vector<BudgetBlock>> BlocksOf(const vault::Vault& v, const GroupBudgets& budgets,
                                          const std::set<std::string>& eligible, double budget) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::GroupRow> groups, v.records().Groups());
  std::map<std::string, BudgetBlock> by_day;
  for (const vault::GroupRow& group : groups) {
    if (group.split == vault::Split::kHeldOut || !eligible.contains(core::Hex(group.key))) continue;
    const double spent = budgets.EpsilonSpent(group.key);
    const std::string day = vault::FormatTime(group.arrived).substr(0, 10);
    BudgetBlock& block = by_day[day];
    block.epsilon_least = block.groups == 0 ? spent : std::min(block.epsilon_least, spent);
    block.epsilon_spent = std::max(block.epsilon_spent, spent);
    block.arrived = day;
    ++block.groups;
    if (IsRetired(spent, budget)) ++block.retired;
  }
  std::vector<BudgetBlock> out;
  for (auto& [day, block] : by_day) out.push_back(std::move(block));
  return out;
}

Result<Release> ReleaseOf(const JobCharges& c, double delta) {
  Release release;
  release.job_id = c.job_id;
  release.adapter_id = c.adapter_id;
  release.sampling_rate = c.event.sampling_rate;
  release.noise_multiplier = c.event.noise_multiplier;
  release.steps = c.event.steps;
  release.groups = static_cast<int64_t>(c.groups.size());
  release.at = vault::FormatTime(c.at);
  if (c.event.steps > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(release.epsilon, ComputeEpsilon({c.event}, delta));
  }
  if (!c.gate.empty()) {
    release.judges = static_cast<int64_t>(c.judges.size());
    SELVEDGE_ASSIGN_OR_RETURN(release.gate_epsilon, ComputeEpsilon(c.gate, delta));
  }
  return release;
}

}  // namespace

Result<PrivacyStatus> Home::Privacy() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  const vault::Vault& v = *impl_->vault;
  const HomeConfig& config = impl_->config;
  PrivacyStatus status;
  status.unit = config.unit;
  status.epsilon_budget = config.epsilon_budget;
  status.delta = config.delta;

  SELVEDGE_ASSIGN_OR_RETURN(const auto records, v.records().Eligible(vault::kPersonalization));
  std::set<std::string> eligible;
  for (const vault::EligibleRecord& r : records) eligible.insert(core::Hex(r.group_key));
  status.groups = static_cast<int64_t>(eligible.size());

  SELVEDGE_ASSIGN_OR_RETURN(const vault::LedgerCheck check, v.CheckLedger());
  status.ledger_intact = check.intact;
  if (!check.intact) status.ledger_problem = LedgerAdvice(check.problem);
  SELVEDGE_ASSIGN_OR_RETURN(const GroupBudgets budgets, GroupBudgets::Read(v, config.delta));
  const double spent = budgets.most_spent();
  // A ledger that was tampered with says nothing reliable: all of the budget counts as spent.
  status.epsilon_spent = check.intact ? spent : std::max(spent, config.epsilon_budget);
  status.epsilon_left = std::max(0.0, config.epsilon_budget - status.epsilon_spent);
  SELVEDGE_ASSIGN_OR_RETURN(status.blocks, BlocksOf(v, budgets, eligible, config.epsilon_budget));
  for (const BudgetBlock& block : status.blocks) status.groups_retired += block.retired;
  for (size_t i = 0; i < budgets.jobs().size(); ++i) {
    SELVEDGE_ASSIGN_OR_RETURN(Release release, ReleaseOf(budgets.jobs()[i], config.delta));
    status.burn_down.push_back(
        {release.at, std::max(0.0, config.epsilon_budget - budgets.history()[i + 1])});
    status.releases.push_back(std::move(release));
  }
  return status;
}

}  // namespace selvedge
