#pragma once
// Chooses the next token from logits.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/status.h>

namespace selvedge::inference {

class Sampler {
 public:
  // kUsage for values out of range (temperature < 0 or not finite, top_p outside (0, 1], ...).
  static Result<Sampler> Create(const SamplingOptions& options);

  // Order: repetition penalty, top-k, top-p, min-p, temperature, draw. temperature 0 takes the
  // largest logit (lowest id on ties). logits are overwritten. kNumeric if no logit is finite.
  Result<int32_t> Next(std::span<float> logits, std::span<const int32_t> history);

 private:
  explicit Sampler(const SamplingOptions& options);
  SamplingOptions options_;
  uint64_t state_[4];
};

}  // namespace selvedge::inference
