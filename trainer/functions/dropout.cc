#include "trainer/functions/dropout.h"

#include <cmath>

#include "core/seeded_random.h"

namespace selvedge::trainer {

void Drop(const LoraLayout& layout, const LoraTarget& target, uint64_t seed, const Segment& segment,
          const float* in, std::vector<float>* out) {
  constexpr uint32_t kOne = 1u << 16;  // a value is decided by 16 random bits
  const auto dropped = static_cast<uint32_t>(std::lround(layout.dropout() * kOne));
  const float scale = static_cast<float>(kOne) / static_cast<float>(kOne - dropped);
  const size_t n = target.in;
  out->resize(segment.length() * n);
  for (size_t t = 0; t < segment.length(); ++t) {
    // Offsets tell targets apart, sequences have numbers of their own; none has 2^20 rows.
    core::SeededRandom random(seed ^ (target.b_offset * 0x9e3779b97f4a7c15u),
                              (segment.sequence << 20) + t);
    uint64_t bits = 0;
    for (size_t j = 0; j < n; ++j) {
      if (j % 4 == 0) bits = random.NextU64();
      const bool keep = (bits & (kOne - 1)) >= dropped;
      bits >>= 16;
      (*out)[t * n + j] = keep ? scale * in[t * n + j] : 0.0f;
    }
  }
}

}  // namespace selvedge::trainer
