#pragma once
// Rotary position embedding: the angle of each pair of values at each position.

#include <cstdint>
#include <span>
#include <vector>

namespace selvedge::inference {

// How a model was stretched beyond the context it was first trained on.
struct RopeScaling {
  enum class Kind { kNone, kLinear, kYarn };
  Kind kind = Kind::kNone;
  float factor = 1;               // positions are divided by it
  uint32_t original_context = 0;  // tokens, before stretching
  float magnitude = 1;            // cosines and sines are multiplied with it
  float extrapolation = 1;        // YaRN: share of the unstretched angle in fast pairs
  float beta_fast = 32;           // YaRN: pairs that turn more often than this over the
                                  // original context keep their frequency
  float beta_slow = 1;            // YaRN: pairs that turn less often are stretched fully
};

// Of positions 0, 1, ...: [positions, pairs] each.
struct RotaryAngles {
  std::vector<float> cos, sin;
};

class RopeTable {
 public:
  RopeTable() = default;

  // `dim` values of a head are rotated, in dim / 2 pairs: pair i by base^(-2i / dim) radians per
  // position, divided by divisors[i] (empty: by 1) and then stretched as `scaling` says.
  // Sources: Su et al. 2021, eq. 15; Peng et al. 2023 (YaRN), sections 3.2 and 3.4, with the ramp
  // over pair numbers and the rounding of its ends that ggml and transformers share.
  RopeTable(uint32_t dim, double base, const RopeScaling& scaling, std::span<const float> divisors);

  size_t pairs() const { return pairs_.size(); }

  // Of positions [first, first + count): [count, pairs()] each. Angles are f32 and multiplied up
  // from pair to pair, as in ggml (ggml_rope_cache_init): at position 8,000 they are off by up to
  // 1e-3 radians, and the same file gives the same text there and here.
  void Fill(int64_t first, size_t count, float* cos, float* sin) const;
  RotaryAngles First(size_t count) const;

 private:
  // Of a pair: the angle is divided by `divisor` and by the stretch, but for a share `kept`.
  struct Pair {
    float divisor, kept;
  };
  std::vector<Pair> pairs_;
  float ratio_ = 1;  // of one pair's angle to the angle before
  float unstretch_ = 1;
  float magnitude_ = 1;
};

}  // namespace selvedge::inference
