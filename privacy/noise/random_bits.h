#pragma once
// Uniform integers out of a source of random 64-bit words, exactly.
//
// Source needs `uint64_t NextU64()`. The product uses core::SecureRandom; tests may use a seeded
// source, which no release can be made with, because AddNoise takes core::SecureRandom only.

#include <cstdint>

namespace selvedge::privacy {

using Uint128 = unsigned __int128;

// Bits needed to write n; 0 for 0.
inline int BitWidth(Uint128 n) {
  int width = 0;
  for (; n != 0; n >>= 1) ++width;
  return width;
}

// A bound and the number of bits of a draw below it, computed once.
struct DrawBound {
  explicit DrawBound(Uint128 bound) : value(bound), bits(BitWidth(bound - 1)) {}
  Uint128 value;  // >= 1
  int bits;
};

template <class Source>
class RandomBits {
 public:
  explicit RandomBits(Source& source) : source_(source) {}

  // The next `count` bits, 0..64.
  uint64_t Take(int count) {
    if (count == 0) return 0;
    if (count > left_) {
      const int missing = count - left_;
      const uint64_t head = left_ == 0 ? 0 : word_;
      word_ = source_.NextU64();
      const uint64_t tail = missing == 64 ? word_ : word_ & ((uint64_t{1} << missing) - 1);
      word_ = missing == 64 ? 0 : word_ >> missing;
      left_ = 64 - missing;
      return missing == 64 ? tail : head << missing | tail;
    }
    const uint64_t bits = count == 64 ? word_ : word_ & ((uint64_t{1} << count) - 1);
    word_ = count == 64 ? 0 : word_ >> count;
    left_ -= count;
    return bits;
  }

  // Uniform in [0, bound): draws of just enough bits, rejected at or above the bound.
  Uint128 Below(const DrawBound& bound) {
    while (true) {
      Uint128 draw = 0;
      if (bound.bits > 64) draw = static_cast<Uint128>(Take(bound.bits - 64)) << 64;
      draw |= Take(bound.bits > 64 ? 64 : bound.bits);
      if (draw < bound.value) return draw;
    }
  }

  // True with probability 1/k, for k >= 1.
  bool OneIn(uint32_t k) {
    if (k == 1) return true;
    const int bits = 32 - __builtin_clz(k - 1);
    while (true) {
      const uint64_t draw = Take(bits);
      if (draw < k) return draw == 0;
    }
  }

 private:
  Source& source_;
  uint64_t word_ = 0;
  int left_ = 0;  // unused low bits of word_
};

}  // namespace selvedge::privacy
