#pragma once
// Reproducible pseudo-random numbers: tests, LoRA initialisation, data order. Not for keys and not
// for privacy noise: that is core/secure_random.h, a different type on purpose.

#include <cmath>
#include <cstdint>

namespace selvedge::core {

// xoshiro256** seeded through splitmix64; the same numbers on every platform for the integers and
// NextDouble (NextGaussian depends on the libm).
// Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021.
class SeededRandom {
 public:
  // A (seed, stream) pair names one sequence; stream 0 is the published generator's.
  explicit SeededRandom(uint64_t seed, uint64_t stream = 0) {
    seed ^= Mix(stream);  // Mix(0) is 0
    for (uint64_t& word : state_) word = Mix(seed += 0x9e3779b97f4a7c15u);
  }

  uint64_t NextU64() {
    const uint64_t result = RotateLeft(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = RotateLeft(state_[3], 45);
    return result;
  }

  // Uniform in [0, 1), 53 bits.
  double NextDouble() { return static_cast<double>(NextU64() >> 11) * 0x1p-53; }

  // Uniform in [0, bound), bound > 0, without bias.
  uint64_t NextBelow(uint64_t bound) {
    const uint64_t reject_below = (0 - bound) % bound;
    while (true) {
      const uint64_t x = NextU64();
      if (x >= reject_below) return x % bound;
    }
  }

  // Standard normal. Source: Box and Muller, 1958; the second value of each pair is kept.
  double NextGaussian() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2.0 * std::log(1.0 - NextDouble()));
    const double angle = 6.283185307179586476925 * NextDouble();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }

 private:
  // The output function of splitmix64, a bijection. Source: Steele, Lea and Flood, 2014.
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  static uint64_t RotateLeft(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

  uint64_t state_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace selvedge::core
