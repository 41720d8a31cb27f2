#pragma once
// Attacks on a training run of our own, to see whether it keeps what it promises.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

namespace selvedge {

struct AuditOptions {
  std::string home_path;   // a temporary home is made here; must not exist
  std::string model_path;  // base model; empty = the embedded one
  std::string records;     // JSON lines that are trained on beside the canaries
  int64_t canaries = 1000;
  int64_t steps = 12;
  double epsilon = 4;  // of the run that is audited
  double delta = 1e-5;
  double confidence = 0.95;
  int threads = 0;
};

struct AuditReport {
  double epsilon_lower = 0;  // no run that keeps less would have shown this, at `confidence`
  double epsilon_upper = 0;  // what the accountant says
  double delta = 0;
  double confidence = 0;
  double exposure = 0;            // of the canary records, in bits; mean
  double exposure_by_chance = 0;  // what records that were never seen have on average
  int64_t canaries = 0;
  int64_t guesses = 0;  // canaries that the attack dared to call in or out
  int64_t correct = 0;  // of them, called rightly
  int64_t steps = 0;
  double step_epsilon_lower = 0;
  double step_epsilon_upper = 0;
  double noise_multiplier = 0;           // of the plan
  double noise_multiplier_measured = 0;  // in the releases
  double noise_standard_error = 0;
  double sensitivity = 0;  // how far one group moves the sum, in clip norms
  double sensitivity_standard_error = 0;
  int64_t canary_records = 0;         // that were trained on
  std::vector<std::string> failures;  // empty: the audit passed
};

// Makes a home, puts canaries in, trains with the trainer that adapters are made with, and attacks
// what it released. The home is left to be removed. kUsage, kCancelled, and what training gives.
Result<AuditReport> RunAudit(const AuditOptions& options, const std::atomic<bool>* stop,
                             const std::function<void(const TrainProgress&)>& on_progress);

}  // namespace selvedge
