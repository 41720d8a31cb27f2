#include "sdk/budget.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/digest.h"
#include "sdk/correlation_json.h"

namespace selvedge {
namespace {

using Json = nlohmann::ordered_json;
using vault::Bytes;

Status BadRow(const vault::LedgerRow& row) {
  return FormatError("ledger: row " + std::to_string(row.n) + ": '" + row.kind +
                     "' cannot be understood by this version");
}

Result<JobCharges> ReadPlan(const vault::LedgerRow& row, const vault::Vault& vault) {
  const Json body = Json::parse(row.body, nullptr, false);
  if (!body.is_object() || !body.contains("sampling_rate") || !body["sampling_rate"].is_number() ||
      !body.contains("noise_multiplier") || !body["noise_multiplier"].is_number()) {
    return BadRow(row);
  }
  JobCharges c;
  c.job_id = row.subject;
  c.at = row.at;
  c.event = {body["sampling_rate"].get<double>(), body["noise_multiplier"].get<double>(), 0};
  if (body.contains("correlation")) {
    const Result<privacy::Correlation> correlation =
        ReadCorrelation(body["correlation"], body.value("steps", int64_t{0}), "ledger");
    if (!correlation.ok()) return BadRow(row);
    c.correlated = true;
    c.event.noise_multiplier = privacy::RunNoiseMultiplier(c.event.noise_multiplier, *correlation);
  }
  SELVEDGE_ASSIGN_OR_RETURN(c.groups, vault.jobs().Groups(row.subject, vault::GroupPart::kTrains));
  SELVEDGE_ASSIGN_OR_RETURN(c.judges, vault.jobs().Groups(row.subject, vault::GroupPart::kJudges));
  return c;
}

// A step's row is one more release; the first one of a run with correlated noise pays for all.
Status AddStep(const vault::LedgerRow& row, JobCharges* charges) {
  if (!charges->correlated) {
    ++charges->event.steps;
    return OkStatus();
  }
  const Json body = Json::parse(row.body, nullptr, false);
  if (!body.is_object() || !body.contains("step") || !body["step"].is_number_integer()) {
    return BadRow(row);
  }
  const auto step = body["step"].get<int64_t>();
  if (step < charges->next_step) return BadRow(row);  // released twice
  charges->next_step = step + 1;
  charges->event.steps = 1;
  return OkStatus();
}

Result<MechanismEvent> ReadAnswer(const vault::LedgerRow& row) {
  const Json body = Json::parse(row.body, nullptr, false);
  if (!body.is_object() || !body.contains("noise_multiplier") ||
      !body["noise_multiplier"].is_number()) {
    return BadRow(row);
  }
  return MechanismEvent{1, body["noise_multiplier"].get<double>(), 1};
}

// What a job cost each of some groups.
struct Cost {
  size_t job;
  const std::vector<Bytes>* groups;
  privacy::Spent spent;
};

Result<std::vector<Cost>> CostsOf(const std::vector<JobCharges>& jobs) {
  std::vector<Cost> costs;
  for (size_t j = 0; j < jobs.size(); ++j) {
    if (jobs[j].event.steps > 0) {
      SELVEDGE_ASSIGN_OR_RETURN(const privacy::Spent spent, privacy::CostOf(jobs[j].event));
      costs.push_back({j, &jobs[j].groups, spent});
    }
    if (jobs[j].gate.empty()) continue;
    costs.push_back({j, &jobs[j].judges, {}});
    for (const MechanismEvent& answer : jobs[j].gate) {
      SELVEDGE_ASSIGN_OR_RETURN(const privacy::Spent spent, privacy::CostOf(answer));
      costs.back().spent = privacy::Add(costs.back().spent, spent);
    }
  }
  return costs;
}

// Costs by index.
using CostSet = std::vector<size_t>;

// Which costs each group has, by the hex of its key; groups without any are left out.
std::map<std::string, CostSet> CostsOfGroups(const std::vector<Cost>& costs) {
  std::map<std::string, CostSet> out;
  for (size_t i = 0; i < costs.size(); ++i) {
    for (const Bytes& group : *costs[i].groups) out[core::Hex(group)].push_back(i);
  }
  return out;
}

}  // namespace

Result<std::vector<JobCharges>> ReadCharges(const vault::Vault& vault) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::LedgerRow> rows, vault.ledger().Rows({}));
  std::vector<JobCharges> out;
  std::map<std::string, size_t> by_job;
  for (const vault::LedgerRow& row : rows) {
    if (row.kind == "grant" || row.kind == "revoke") continue;
    if (row.kind == "plan") {
      SELVEDGE_ASSIGN_OR_RETURN(JobCharges c, ReadPlan(row, vault));
      by_job[row.subject] = out.size();
      out.push_back(std::move(c));
      continue;
    }
    const auto job = by_job.find(row.subject);
    if (job == by_job.end()) return BadRow(row);
    if (row.kind == "step") {
      SELVEDGE_RETURN_IF_ERROR(AddStep(row, &out[job->second]));
    } else if (row.kind == "gate") {
      SELVEDGE_ASSIGN_OR_RETURN(const MechanismEvent answer, ReadAnswer(row));
      out[job->second].gate.push_back(answer);
    } else if (row.kind == "release") {
      const Json body = Json::parse(row.body, nullptr, false);
      out[job->second].adapter_id = body.is_object() ? body.value("adapter", "") : "";
    } else {
      return BadRow(row);  // it may be a cost that this version does not know
    }
  }
  return out;
}

Result<GroupBudgets> GroupBudgets::Read(const vault::Vault& vault, double delta) {
  GroupBudgets budgets;
  SELVEDGE_ASSIGN_OR_RETURN(budgets.jobs_, ReadCharges(vault));
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<Cost> costs, CostsOf(budgets.jobs_));
  budgets.classes_.resize(1);
  budgets.history_.assign(budgets.jobs_.size() + 1, 0);
  std::map<CostSet, size_t> class_of_set;
  for (const auto& [group, set] : CostsOfGroups(costs)) {
    const auto [at, is_new] = class_of_set.emplace(set, budgets.classes_.size());
    budgets.class_of_[group] = at->second;
    if (!is_new) continue;
    BudgetClass added;
    for (const size_t cost : set) {
      added.spent = privacy::Add(added.spent, costs[cost].spent);
      added.epsilon = privacy::FilterEpsilon(added.spent, delta);
      double& after_job = budgets.history_[costs[cost].job + 1];
      after_job = std::max(after_job, added.epsilon);
    }
    budgets.classes_.push_back(added);
  }
  for (size_t i = 1; i < budgets.history_.size(); ++i) {
    budgets.history_[i] = std::max(budgets.history_[i], budgets.history_[i - 1]);
  }
  return budgets;
}

const BudgetClass& GroupBudgets::ClassOf(const Bytes& group) const {
  const auto found = class_of_.find(core::Hex(group));
  return classes_[found == class_of_.end() ? 0 : found->second];
}

double GroupBudgets::most_spent() const { return history_.back(); }

std::vector<BudgetClass> GroupBudgets::ClassesOf(const std::vector<Bytes>& groups) const {
  std::map<const BudgetClass*, int64_t> counts;
  for (const Bytes& group : groups) ++counts[&ClassOf(group)];
  std::vector<BudgetClass> out;
  for (const auto& [one, count] : counts) {
    out.push_back(*one);
    out.back().groups = count;
  }
  std::stable_sort(out.begin(), out.end(), [](const BudgetClass& a, const BudgetClass& b) {
    return a.epsilon < b.epsilon;
  });
  return out;
}

Result<PrivacyStatement> StatementOf(const std::string& unit, const MechanismEvent& event,
                                     double delta) {
  PrivacyStatement s;
  s.unit = unit;
  s.delta = delta;
  s.sampling = event.sampling_rate < 1 ? "poisson" : "full-batch";
  s.sampling_rate = event.sampling_rate;
  s.noise_multiplier = event.noise_multiplier;
  s.steps = event.steps;
  s.accountant = "gaussian";
  if (event.steps == 0) return s;
  SELVEDGE_ASSIGN_OR_RETURN(s.epsilon, ComputeEpsilon({event}, delta));
  if (event.sampling_rate < 1) {
    SELVEDGE_ASSIGN_OR_RETURN(const double rdp, ComputeEpsilon({event}, delta, Accountant::kRdp));
    s.accountant = rdp <= s.epsilon ? "rdp" : "pld";
  }
  return s;
}

}  // namespace selvedge
