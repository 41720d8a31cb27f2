#pragma once
// Held-out losses of the base, the active adapter and a candidate, and what they say.

#include <memory>
#include <span>
#include <vector>

#include <selvedge/status.h>

#include "adapters/lora.h"
#include "core/thread_pool.h"
#include "inference/session/adapter_set.h"
#include "sdk/base_model.h"
#include "storage/vault/records.h"
#include "trainer/job/gate.h"

namespace selvedge {

// Scoring this many records takes a few seconds on a phone. Records are in order of arrival, and
// which groups are held out is random, so the first ones will do.
inline constexpr size_t kMostHeldOutRecords = 256;

// Losses of whole records, each on its own after <s>, by group. That a record ends is not scored:
// </s> is learnt in a step or two, and its gain would hide harm to the text.
struct HeldOutScores {
  std::vector<trainer::GroupLoss> base;
  std::vector<trainer::GroupLoss> active;     // empty if nothing is active
  std::vector<trainer::GroupLoss> candidate;  // infinite where its logits are not finite

  const std::vector<trainer::GroupLoss>& current() const { return active.empty() ? base : active; }
};

// `active` is empty when nothing is active.
Result<HeldOutScores> ScoreHeldOut(const BaseModel& base,
                                   const std::vector<vault::EligibleRecord>& heldout,
                                   std::shared_ptr<const adapters::LoraAdapter> active,
                                   std::shared_ptr<const adapters::LoraAdapter> candidate,
                                   core::ThreadPool& pool);

double MeanLoss(std::span<const trainer::GroupLoss> groups);  // nats per token; 0 without tokens

// The gate's decision on the mean losses themselves.
trainer::GateDecision JudgeExactly(const HeldOutScores& scores,
                                   const adapters::LoraAdapter& candidate);

// The votes of the groups (trainer/job/gate_vote.h).
std::vector<int> VotesOf(const HeldOutScores& scores);

}  // namespace selvedge
