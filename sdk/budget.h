#pragma once
// What the ledger's rows add up to, and the SpendLedger that writes them.

#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/privacy.h>
#include <selvedge/status.h>

#include "privacy/mechanism.h"
#include "sdk/home_impl.h"

namespace selvedge {

// All releases that were charged to one job.
struct JobCharges {
  std::string job_id;
  std::string adapter_id;  // empty until something was released
  int64_t at = 0;          // ms, of the plan
  MechanismEvent event;    // steps = rows charged, repetitions after a crash included
};

// Oldest first. kFormat if a row cannot be understood: nothing may be spent then.
Result<std::vector<JobCharges>> ReadCharges(const vault::Ledger& ledger);

// Epsilon at delta of everything charged, and of it with `more` on top (more.steps may be 0).
Result<double> EpsilonOf(const std::vector<JobCharges>& charges, double delta);
Result<double> EpsilonWith(const std::vector<JobCharges>& charges, const MechanismEvent& more,
                           double delta);

// Most releases of this kind, up to `wanted`, that keep epsilon within the budget.
Result<int64_t> AffordableSteps(const std::vector<JobCharges>& charges, MechanismEvent per_step,
                                int64_t wanted, double epsilon_budget, double delta);

// Smallest noise multiplier for which charges and `steps` releases stay within `epsilon_budget`.
// kPolicy if none below 10^4 does.
Result<double> NoiseMultiplierFor(const std::vector<JobCharges>& charges, double epsilon_budget,
                                  double delta, double sampling_rate, int64_t steps);

// The statement about one run: `event` at `delta`, and which bound was smallest.
Result<PrivacyStatement> StatementOf(const std::string& unit, const MechanismEvent& event,
                                     double delta);

// Charges a job's steps: each call writes a row, committed and anchored before it returns. A step
// that is charged again after a crash costs again.
class JobLedger final : public privacy::SpendLedger {
 public:
  // `affordable`: how many more rows the budget allows.
  JobLedger(Home::Impl* home, std::string job_id, int64_t affordable)
      : home_(home), job_id_(std::move(job_id)), affordable_(affordable) {}

  // 0-based number of the first step that was charged here, or -1.
  int64_t first_step() const { return first_step_; }

 private:
  Status WriteCharge(int64_t step) override;

  Home::Impl* home_;
  std::string job_id_;
  int64_t affordable_;
  int64_t first_step_ = -1;
};

}  // namespace selvedge
