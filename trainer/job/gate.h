#pragma once
// The evaluation gate: decides from held-out losses whether a candidate adapter may become active.

#include <string>

#include "adapters/lora.h"

namespace selvedge::trainer {

struct GateInput {
  double loss_base = 0;     // held-out, nats per token, base alone
  double loss_current = 0;  // with the active adapter; equals loss_base when there is none
  double loss_candidate = 0;
  int64_t heldout_tokens = 0;
  const adapters::LoraAdapter* candidate = nullptr;
};

struct GateDecision {
  bool accepted = false;
  std::string reason;  // "held-out loss 3.41 -> 3.02" or why not
};

// Accepts only finite weights of bounded norm, at least one held-out token, and a candidate loss
// strictly below both others.
GateDecision DecideGate(const GateInput& input);

}  // namespace selvedge::trainer
