#pragma once
// Secrets in the form of records, to see how much a trained adapter gives away of them.
//
// Exposure of a secret that was trained on, among N - 1 of the same kind that were not, is
// log2(N) - log2(rank) when they are ordered by how much the adapter lowered their loss (Carlini et
// al. 2019, arXiv 1802.08232, section 4; the reference set is sampled).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "adapters/lora.h"
#include "core/secure_random.h"
#include "core/thread_pool.h"
#include "sdk/base_model.h"

namespace selvedge {

struct Exposure {
  int64_t included = 0;  // secrets that were trained on
  double mean = 0;       // bits
  double by_chance = 0;  // mean if all orders were equally likely
};

class CanaryRecords {
 public:
  // Draws the secrets and, with probability 1/2 each, which of them go in.
  explicit CanaryRecords(core::SecureRandom& random);

  std::string IncludedText() const;  // one record per line
  // `trained`: texts that the job took in (some may have been held out).
  Result<Exposure> Measure(const BaseModel& base,
                           std::shared_ptr<const adapters::LoraAdapter> adapter,
                           const std::vector<std::string>& trained, core::ThreadPool& pool) const;

 private:
  std::vector<std::string> secrets_;
  std::vector<uint8_t> included_;
};

}  // namespace selvedge
