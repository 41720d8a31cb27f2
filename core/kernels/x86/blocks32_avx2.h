#pragma once
// The blocks of 32 values, for the AVX2 files. In an anonymous namespace on purpose: every file of
// an instruction set gets its own copy (see x86_kernels.h).

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace selvedge::kernels::x86 {
namespace {

// Each type: the 32 values of a block without its scale, signed, and where its minimum lies (0 if
// it has none).
struct Q8 {
  static constexpr size_t kBytes = 34, kMinAt = 0;
  static __m256i Load(const uint8_t* block) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 2));
  }
};

// 16 bytes of nibbles: the low ones first.
inline __m256i Nibbles(const uint8_t* p) {
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(q), _mm_srli_epi16(q, 4), 1);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

// Bit i of the four bytes at p as bit 4 of byte i.
inline __m256i FifthBits(const uint8_t* p) {
  int bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  const __m256i eighths =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), eighths);
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
  return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

struct Q4 {
  static constexpr size_t kBytes = 18, kMinAt = 0;
  static __m256i Load(const uint8_t* block) {
    return _mm256_sub_epi8(Nibbles(block + 2), _mm256_set1_epi8(8));
  }
};

struct Q4_1 {
  static constexpr size_t kBytes = 20, kMinAt = 2;
  static __m256i Load(const uint8_t* block) { return Nibbles(block + 4); }
};

struct Q5_0 {
  static constexpr size_t kBytes = 22, kMinAt = 0;
  static __m256i Load(const uint8_t* block) {
    const __m256i q = _mm256_or_si256(Nibbles(block + 6), FifthBits(block + 2));
    return _mm256_sub_epi8(q, _mm256_set1_epi8(16));
  }
};

struct Q5_1 {
  static constexpr size_t kBytes = 24, kMinAt = 2;
  static __m256i Load(const uint8_t* block) {
    return _mm256_or_si256(Nibbles(block + 8), FifthBits(block + 4));
  }
};

struct Iq4Nl {
  static constexpr size_t kBytes = 18, kMinAt = 0;
  static __m256i Load(const uint8_t* block) {
    const __m128i levels =
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(levels), Nibbles(block + 2));
  }
};

inline __m128 Half(const uint8_t* p) { return _mm_cvtph_ps(_mm_cvtsi32_si128(p[0] | p[1] << 8)); }

}  // namespace
}  // namespace selvedge::kernels::x86
