#include "sdk/budget.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

namespace selvedge {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMostNoise = 1e4;
// Relative precision of the noise multiplier; the result is rounded up.
constexpr double kNoisePrecision = 1e-4;

Status BadRow(const vault::LedgerRow& row) {
  return FormatError("ledger: row " + std::to_string(row.n) + ": '" + row.kind +
                     "' cannot be understood by this version");
}

// Equal mechanisms are merged: the accountants are exact in the number of steps.
std::vector<MechanismEvent> Merged(const std::vector<JobCharges>& charges,
                                   const MechanismEvent& more) {
  std::map<std::pair<double, double>, int64_t> steps;
  for (const JobCharges& c : charges) {
    steps[{c.event.sampling_rate, c.event.noise_multiplier}] += c.event.steps;
  }
  if (more.steps > 0) steps[{more.sampling_rate, more.noise_multiplier}] += more.steps;
  std::vector<MechanismEvent> out;
  for (const auto& [mechanism, n] : steps) {
    if (n > 0) out.push_back({mechanism.first, mechanism.second, n});
  }
  return out;
}

}  // namespace

Result<std::vector<JobCharges>> ReadCharges(const vault::Ledger& ledger) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<vault::LedgerRow> rows,
                            ledger.Rows({"plan", "step", "release"}));
  std::vector<JobCharges> out;
  std::map<std::string, size_t> by_job;
  for (const vault::LedgerRow& row : rows) {
    if (row.kind == "plan") {
      const Json body = Json::parse(row.body, nullptr, false);
      JobCharges c;
      c.job_id = row.subject;
      c.at = row.at;
      if (!body.is_object() || !body.contains("sampling_rate") ||
          !body["sampling_rate"].is_number() || !body.contains("noise_multiplier") ||
          !body["noise_multiplier"].is_number()) {
        return BadRow(row);
      }
      c.event = {body["sampling_rate"].get<double>(), body["noise_multiplier"].get<double>(), 0};
      by_job[row.subject] = out.size();
      out.push_back(std::move(c));
      continue;
    }
    const auto job = by_job.find(row.subject);
    if (job == by_job.end()) return BadRow(row);
    if (row.kind == "step") {
      ++out[job->second].event.steps;
    } else {
      const Json body = Json::parse(row.body, nullptr, false);
      out[job->second].adapter_id = body.is_object() ? body.value("adapter", "") : "";
    }
  }
  return out;
}

Result<double> EpsilonWith(const std::vector<JobCharges>& charges, const MechanismEvent& more,
                           double delta) {
  const std::vector<MechanismEvent> events = Merged(charges, more);
  if (events.empty()) return 0.0;
  return ComputeEpsilon(events, delta);
}

Result<double> EpsilonOf(const std::vector<JobCharges>& charges, double delta) {
  return EpsilonWith(charges, {1, 1, 0}, delta);
}

Result<int64_t> AffordableSteps(const std::vector<JobCharges>& charges, MechanismEvent per_step,
                                int64_t wanted, double epsilon_budget, double delta) {
  const auto fits = [&](int64_t steps) -> Result<bool> {
    per_step.steps = steps;
    SELVEDGE_ASSIGN_OR_RETURN(const double epsilon, EpsilonWith(charges, per_step, delta));
    return epsilon <= epsilon_budget;
  };
  SELVEDGE_ASSIGN_OR_RETURN(const bool all_fit, fits(wanted));
  if (all_fit) return wanted;
  int64_t low = 0;  // fits, or nothing does
  int64_t high = wanted;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    SELVEDGE_ASSIGN_OR_RETURN(const bool ok, fits(middle));
    (ok ? low : high) = middle;
  }
  return low;
}

Result<double> NoiseMultiplierFor(const std::vector<JobCharges>& charges, double epsilon_budget,
                                  double delta, double sampling_rate, int64_t steps) {
  if (Merged(charges, {1, 1, 0}).empty()) {
    return ComputeNoiseMultiplier(epsilon_budget, delta, sampling_rate, steps);
  }
  const auto fits = [&](double sigma) -> Result<bool> {
    SELVEDGE_ASSIGN_OR_RETURN(const double epsilon,
                              EpsilonWith(charges, {sampling_rate, sigma, steps}, delta));
    return epsilon <= epsilon_budget;
  };
  double high = kMostNoise;  // fits
  double low = 0.05;
  SELVEDGE_ASSIGN_OR_RETURN(const bool possible, fits(high));
  if (!possible) return PolicyError("privacy budget: what is left is too little for any training");
  while (high / low > 1 + kNoisePrecision) {
    const double middle = std::sqrt(low * high);
    SELVEDGE_ASSIGN_OR_RETURN(const bool ok, fits(middle));
    (ok ? high : low) = middle;
  }
  return high;
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

Status JobLedger::WriteCharge(int64_t step) {
  if (affordable_ <= 0) {
    return PolicyError("privacy budget: step " + std::to_string(step) +
                       " would pass it, stopped before");
  }
  const std::lock_guard<std::mutex> lock(home_->mutex);
  vault::Vault& v = *home_->vault;
  SELVEDGE_RETURN_IF_ERROR(v.Update([&] {
    return v.ledger().Append("step", job_id_, Json{{"step", step}}.dump());
  }));
  --affordable_;
  if (first_step_ < 0) first_step_ = step;
  return OkStatus();
}

}  // namespace selvedge
