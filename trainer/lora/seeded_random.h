#pragma once
// Reproducible randomness for initialisation and, without privacy, for sampling. Never for noise:
// that is core::SecureRandom's, a type that nothing here converts to.

#include <cmath>
#include <cstdint>

namespace selvedge::trainer {

// SplitMix64 (Steele, Lea, Flood 2014). A (seed, stream) pair names one sequence.
class SeededRandom {
 public:
  SeededRandom(uint64_t seed, uint64_t stream) : state_(Mix(seed) ^ Mix(~stream)) {}

  uint64_t NextU64() { return Mix(state_ += 0x9e3779b97f4a7c15u); }
  // In [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(NextU64() >> 11) * 0x1p-53; }
  // Standard normal, Box and Muller.
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(6.283185307179586 * Uniform());
  }

 private:
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

}  // namespace selvedge::trainer
