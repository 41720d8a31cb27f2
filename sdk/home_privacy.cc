#include <algorithm>
#include <set>

#include "core/digest.h"
#include "sdk/budget.h"
#include "sdk/home_impl.h"
#include "storage/vault/timestamp.h"

namespace selvedge {

Result<PrivacyStatus> Home::Privacy() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  const vault::Vault& v = *impl_->vault;
  const HomeConfig& config = impl_->config;
  PrivacyStatus status;
  status.unit = config.unit;
  status.epsilon_budget = config.epsilon_budget;
  status.delta = config.delta;

  SELVEDGE_ASSIGN_OR_RETURN(const auto eligible, v.records().Eligible(vault::kPersonalization));
  std::set<std::string> groups;
  for (const vault::EligibleRecord& r : eligible) groups.insert(core::Hex(r.group_key));
  status.groups = static_cast<int64_t>(groups.size());

  SELVEDGE_ASSIGN_OR_RETURN(const vault::LedgerCheck check, v.CheckLedger());
  status.ledger_intact = check.intact;
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<JobCharges> charges, ReadCharges(v.ledger()));
  SELVEDGE_ASSIGN_OR_RETURN(const double spent, EpsilonOf(charges, config.delta));
  // A ledger that was tampered with says nothing reliable: all of the budget counts as spent.
  status.epsilon_spent = check.intact ? spent : std::max(spent, config.epsilon_budget);
  status.epsilon_left = std::max(0.0, config.epsilon_budget - status.epsilon_spent);
  for (const JobCharges& c : charges) {
    Release release;
    release.job_id = c.job_id;
    release.adapter_id = c.adapter_id;
    release.sampling_rate = c.event.sampling_rate;
    release.noise_multiplier = c.event.noise_multiplier;
    release.steps = c.event.steps;
    SELVEDGE_ASSIGN_OR_RETURN(release.epsilon, EpsilonOf({c}, config.delta));
    release.at = vault::FormatTime(c.at);
    status.releases.push_back(std::move(release));
  }
  return status;
}

}  // namespace selvedge
