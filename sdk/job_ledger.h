#pragma once
// The SpendLedger of a running job: rows of the vault's ledger.

#include <cstdint>
#include <string>
#include <utility>

#include <selvedge/status.h>

#include "privacy/mechanism.h"
#include "sdk/home_impl.h"

namespace selvedge {

// Charges a job's steps: each call writes a row, committed and known to key.json before it returns.
// A step that is charged again after a crash costs again.
class JobLedger final : public privacy::SpendLedger {
 public:
  // `affordable`: how many more rows the budgets of the job's groups allow. `least_step`: steps
  // before it must not be charged again (correlated noise).
  JobLedger(Home::Impl* home, std::string job_id, int64_t affordable, int64_t least_step = 0)
      : home_(home), job_id_(std::move(job_id)), affordable_(affordable), least_step_(least_step) {}

  // 0-based number of the first step that was charged here, or -1.
  int64_t first_step() const { return first_step_; }

 private:
  Status WriteCharge(int64_t step) override;

  Home::Impl* home_;
  std::string job_id_;
  int64_t affordable_;
  int64_t least_step_;
  int64_t first_step_ = -1;
};

// Charges answers of a job's gate to its held-out groups, a row for each, in the same way.
class GateLedger final : public privacy::SpendLedger {
 public:
  // `affordable`: whether the groups' budgets allow one more answer with this noise.
  GateLedger(Home::Impl* home, std::string job_id, double noise_multiplier, bool affordable)
      : home_(home),
        job_id_(std::move(job_id)),
        noise_multiplier_(noise_multiplier),
        affordable_(affordable) {}

 private:
  Status WriteCharge(int64_t answer) override;

  Home::Impl* home_;
  std::string job_id_;
  double noise_multiplier_;
  bool affordable_;
};

}  // namespace selvedge
