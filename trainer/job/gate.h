#pragma once
// The evaluation gate: decides from held-out losses whether a candidate adapter may become active.

#include <cstdint>
#include <string>

#include "adapters/lora.h"

namespace selvedge::trainer {

// Largest root mean square of the entries of one tensor's update, scale * B A, i.e. its Frobenius
// norm over sqrt(in * out). Weights of trained language models have an RMS of 0.01 to 0.1: an
// update of 0.5 replaces the base rather than adapts it.
inline constexpr double kMaxUpdateRms = 0.5;

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
