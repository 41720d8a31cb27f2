#pragma once
// Held-out losses of the base, the active adapter and a candidate, and the gate's decision on them.

#include <string>
#include <vector>

#include <selvedge/status.h>

#include "adapters/lora.h"
#include "core/thread_pool.h"
#include "inference/session/adapter_set.h"
#include "sdk/base_model.h"
#include "storage/vault/records.h"

namespace selvedge {

struct GateReport {
  bool accepted = false;
  std::string reason;
  double loss_before = 0;  // of what is active now, nats per token
  double loss_after = 0;   // of the candidate
};

// `active` is empty when nothing is active. Each record is scored whole, on its own
// after <s>. That a record ends is not scored: </s> is learnt in a step or two, and its gain would
// hide harm to the text.
Result<GateReport> JudgeCandidate(const BaseModel& base,
                                  const std::vector<vault::EligibleRecord>& heldout,
                                  std::shared_ptr<const adapters::LoraAdapter> active,
                                  std::shared_ptr<const adapters::LoraAdapter> candidate,
                                  core::ThreadPool& pool);

}  // namespace selvedge
