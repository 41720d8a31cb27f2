#include "sdk/job_ledger.h"

#include <mutex>
#include <nlohmann/json.hpp>

namespace selvedge {

Status JobLedger::WriteCharge(int64_t step) {
  if (affordable_ <= 0) {
    return PolicyError("privacy budget: step " + std::to_string(step) +
                       " would pass it, stopped before");
  }
  if (step < least_step_) {
    return InternalError("ledger: step " + std::to_string(step) +
                         ": was charged, with correlated noise it is not done again");
  }
  const std::lock_guard<std::mutex> lock(home_->mutex);
  vault::Vault& v = *home_->vault;
  const std::string body = nlohmann::ordered_json{{"step", step}}.dump();
  SELVEDGE_RETURN_IF_ERROR(v.Update([&] { return v.ledger().Append("step", job_id_, body); }));
  --affordable_;
  if (first_step_ < 0) first_step_ = step;
  return OkStatus();
}

Status GateLedger::WriteCharge(int64_t answer) {
  if (!affordable_) {
    return PolicyError("privacy budget: the gate's answer would pass that of the held-out groups");
  }
  const std::lock_guard<std::mutex> lock(home_->mutex);
  vault::Vault& v = *home_->vault;
  const std::string body =
      nlohmann::ordered_json{{"answer", answer}, {"noise_multiplier", noise_multiplier_}}.dump();
  SELVEDGE_RETURN_IF_ERROR(v.Update([&] { return v.ledger().Append("gate", job_id_, body); }));
  affordable_ = false;
  return OkStatus();
}

}  // namespace selvedge
