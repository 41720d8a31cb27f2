#pragma once
// What the ledger's rows add up to, group by group.
//
// Every group has the home's budget for its lifetime, whatever adapters it went into. A job's steps
// are charged to the groups that it trains and the gate's answers to those that it asks, and to no
// others, so records that come later bring a budget of their own. docs/privacy/accounting.md,
// "Lifetime budgets".

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

#include "privacy/budget/filter.h"
#include "storage/vault/vault.h"

namespace selvedge {

// All releases that were charged to one job.
struct JobCharges {
  std::string job_id;
  std::string adapter_id;            // empty until something was released
  int64_t at = 0;                    // ms, of the plan
  MechanismEvent event;              // steps = rows charged, repetitions after a crash included;
                                     // with correlated noise the run, once a row is there
  bool correlated = false;           // noise
  int64_t next_step = 0;             // then, after the last one that was charged
  std::vector<vault::Bytes> groups;  // that trained, by key, and pay for `event`
  std::vector<MechanismEvent> gate;  // noised answers of the gate, one for each row
  std::vector<vault::Bytes> judges;  // held-out groups that pay for them
};

// Oldest first. kFormat if a row cannot be understood: nothing may be spent then.
Result<std::vector<JobCharges>> ReadCharges(const vault::Vault& vault);

// Groups that took part in the same jobs, and so have spent the same.
struct BudgetClass {
  privacy::Spent spent;
  double epsilon = 0;  // of the filter at the home's delta
  int64_t groups = 0;
};

class GroupBudgets {
 public:
  static Result<GroupBudgets> Read(const vault::Vault& vault, double delta);

  const std::vector<JobCharges>& jobs() const { return jobs_; }
  // Epsilon that a group has used up; 0 if nothing was charged to it.
  double EpsilonSpent(const vault::Bytes& group) const { return ClassOf(group).epsilon; }
  // Of the group that spent most.
  double most_spent() const;
  // The same after the first 0, 1, ... jobs: one number more than jobs.
  const std::vector<double>& history() const { return history_; }
  // The classes of these distinct groups, least spent first.
  std::vector<BudgetClass> ClassesOf(const std::vector<vault::Bytes>& groups) const;

 private:
  const BudgetClass& ClassOf(const vault::Bytes& group) const;

  std::vector<JobCharges> jobs_;
  std::vector<BudgetClass> classes_;        // [0] has spent nothing
  std::map<std::string, size_t> class_of_;  // by the hex of the key; only groups with charges
  std::vector<double> history_;
};

// A group with less than this share of its budget left is retired: what it could still be trained
// with would be noise only.
inline constexpr double kUsefulShare = 0.05;
inline bool IsRetired(double epsilon_spent, double epsilon_budget) {
  return epsilon_budget - epsilon_spent < kUsefulShare * epsilon_budget;
}

// The statement about one run: `event` at `delta`, and which bound was smallest.
Result<PrivacyStatement> StatementOf(const std::string& unit, const MechanismEvent& event,
                                     double delta);

}  // namespace selvedge
