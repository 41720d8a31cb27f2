#pragma once
// The state of a run between two steps, as bytes for the host to encrypt and keep.
//
// Never in it: the random generator, sampled indices, per-group gradients. What a step did before
// it was complete is not kept either. Noise is in it only where later steps need it, as sums of
// what earlier steps drew (correlated noise; docs/privacy/accounting.md says why it may be).

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "core/digest.h"
#include "trainer/optim/adam.h"
#include "trainer/trainer.h"

namespace selvedge::trainer {

struct RunState {
  OptimizerState optimizer;
  std::vector<float> frozen;  // A's that are not trained
  int64_t step = 0;           // steps done, the discarded ones included
  int64_t label_tokens = 0;
  int64_t failed_in_a_row = 0;  // discarded steps before this point
  double loss_first = 0;
  double loss_last = 0;
  std::vector<int64_t> noise;  // CorrelatedNoise::state(); else empty
};

// SHA-256 over everything that decides the course of a run: base, configuration, plan, seed,
// groups. Threads and memory limit are not in it: they do not change results.
core::Sha256Digest Fingerprint(const inference::Model& model, const std::vector<Group>& groups,
                               const Config& config);

Result<std::vector<uint8_t>> SaveState(const RunState& state,
                                       const core::Sha256Digest& fingerprint);

// kIncompatible: made for another base, configuration or data. kFormat: not a checkpoint or
// damaged.
Result<RunState> LoadState(const std::vector<uint8_t>& bytes, const core::Sha256Digest& fingerprint,
                           size_t trained, size_t frozen, size_t noise = 0);

}  // namespace selvedge::trainer
