#pragma once
// The evaluation gate: decides from held-out losses whether a candidate adapter may become active.

#include <cstdint>
#include <span>
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
  // Standard errors of loss_base - loss_candidate and loss_current - loss_candidate over the
  // held-out groups.
  double gain_error_base = 0;
  double gain_error_current = 0;
};

// What a held-out group adds to the losses of one model.
struct GroupLoss {
  double loss = 0;  // sum over its tokens, nats
  int64_t tokens = 0;
};

// Standard error of the difference of two mean losses per token, both over the same groups: that of
// a ratio estimator of the paired differences (Cochran 1977, section 6.4). Infinite below two
// groups, because nothing is known about chance then.
double GainError(std::span<const GroupLoss> before, std::span<const GroupLoss> after);

struct GateDecision {
  bool accepted = false;
  std::string reason;  // "held-out loss 3.41 -> 3.02" or why not
};

// Why the weights by themselves may not become active: missing, not finite, of another shape than
// they state, or too far from the base. Empty if they may.
std::string WeightFault(const adapters::LoraAdapter* candidate);

// Accepts only finite weights of bounded norm, at least one held-out token, and a candidate loss
// below both others by more than chance explains: kSureErrors standard errors, which a candidate
// that changes nothing for better or worse passes one time in twenty.
inline constexpr double kSureErrors = 1.645;
GateDecision DecideGate(const GateInput& input);

}  // namespace selvedge::trainer
