#pragma once
// The main job end to end: consent, ingest, redaction, training under differential privacy, gate,
// signature, hot-load into a running engine, and what it changed.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include <selvedge/home.h>
#include <selvedge/status.h>

namespace selvedge::demo {

struct DemoOptions {
  std::string home;  // folder of the home to make; must not hold one
  KeySource key;
  double epsilon = 8;
  double delta = 1e-5;
  int64_t steps = 0;  // 0 = chosen by the trainer
  int threads = 0;
  uint64_t seed = 1;  // of sampling and initialisation, never of the noise
};

struct DemoReport {
  int64_t records = 0;     // stored
  int64_t duplicates = 0;  // of earlier ones, not stored
  int64_t redactions = 0;
  int64_t heldout_records = 0;  // that training never saw
  TrainReport training;
  double loss_before = 0;  // on the held-out records, nats per token
  double loss_after = 0;
  double ppl_before = 0;
  double ppl_after = 0;
  double swap_ms = 0;  // of the running engine, from the look at the registry to the new adapter
  std::string prompt;
  std::string text_before;
  std::string text_after;
  double seconds = 0;
};

struct DemoEvents {
  std::function<void(const std::string&)> on_stage;  // one line for people
  std::function<void(const TrainProgress&)> on_progress;
};

// kCancelled when `stop` became true; kPolicy if the gate rejected the adapter; else what the steps
// give.
Result<DemoReport> RunDemo(const DemoOptions& options, const std::atomic<bool>* stop,
                           const DemoEvents& events);

}  // namespace selvedge::demo
