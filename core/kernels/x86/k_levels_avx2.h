#pragma once
// The levels of the blocks of 256, for the AVX2 files. Anonymous namespace: as in k_scales.h.

#include "core/kernels/x86/k_scales.h"

namespace selvedge::kernels::x86 {
namespace {

inline __m256i Load(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// (bytes >> shift) & mask, byte by byte.
template <int shift>
inline __m256i Bits(__m256i bytes, int mask) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, shift),
                          _mm256_set1_epi8(static_cast<char>(mask)));
}

// (bytes >> from & mask) << to, for the high bits of a level.
template <int from, int to>
inline __m256i BitsTo(__m256i bytes, int mask) {
  return _mm256_slli_epi16(Bits<from>(bytes, mask), to);
}

// Each type: the 32 levels of a run, unsigned.
struct Q2_K : Q2_KScales {
  template <int run>
  static __m256i Levels(const uint8_t* block) {
    return Bits<2 * (run % 4)>(Load(block + 16 + run / 4 * 32), 3);
  }
};

struct Q3_K : Q3_KScales {
  template <int run>
  static __m256i Levels(const uint8_t* block) {
    const __m256i low = Bits<2 * (run % 4)>(Load(block + 32 + run / 4 * 32), 3);
    return _mm256_or_si256(low, BitsTo<run, 2>(Load(block), 1));
  }
};

struct Q4_K : Q4_KScales {
  template <int run>
  static __m256i Levels(const uint8_t* block) {
    return Bits<4 * (run % 2)>(Load(block + 16 + run / 2 * 32), 15);
  }
};

struct Q5_K : Q5_KScales {
  template <int run>
  static __m256i Levels(const uint8_t* block) {
    const __m256i low = Bits<4 * (run % 2)>(Load(block + 48 + run / 2 * 32), 15);
    return _mm256_or_si256(low, BitsTo<run, 4>(Load(block + 16), 1));
  }
};

struct Q6_K : Q6_KScales {
  template <int run>
  static __m256i Levels(const uint8_t* block) {
    constexpr int kHalf = run / 4, kPart = run % 4;
    const __m256i low = Bits<4 * (kPart / 2)>(Load(block + 64 * kHalf + 32 * (kPart % 2)), 15);
    return _mm256_or_si256(low, BitsTo<2 * kPart, 4>(Load(block + 128 + 32 * kHalf), 3));
  }
};

}  // namespace
}  // namespace selvedge::kernels::x86
