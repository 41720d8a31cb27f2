#pragma once
// A reproducible source of words for statistical tests. AddNoise and SampleGroups do not take it.

#include <cstdint>

namespace selvedge::privacy {

// SplitMix64. Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
class SeededWords {
 public:
  explicit SeededWords(uint64_t seed) : state_(seed) {}
  uint64_t NextU64() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace selvedge::privacy
