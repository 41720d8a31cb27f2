#pragma once
// Chooses the next token from logits.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/status.h>

#include "core/seeded_random.h"

namespace selvedge::inference {

class Sampler {
 public:
  // kUsage for values out of range (temperature < 0 or not finite, top_p outside (0, 1], ...).
  static Result<Sampler> Create(const SamplingOptions& options);

  // Order: repetition penalty, top-k, top-p, min-p, temperature, draw. temperature 0 takes the
  // largest logit (lowest id on ties). logits are overwritten. -infinity excludes a token; kNumeric
  // for NaN or +infinity, or if no logit is finite; kUsage if logits are empty.
  Result<int32_t> Next(std::span<float> logits, std::span<const int32_t> history);

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  Sampler(const SamplingOptions& options, uint64_t seed) : options_(options), random_(seed) {}
  void Penalise(std::span<float> logits, std::span<const int32_t> history) const;
  void Collect(std::span<const float> logits);  // fills candidates_, cut to top-k, best first
  void CutTopP();
  void CutMinP();
  int32_t Draw();

  SamplingOptions options_;
  core::SeededRandom random_;
  std::vector<Candidate> candidates_;
};

}  // namespace selvedge::inference
