#pragma once
// The 16 scales and minima of the blocks of 256, one byte for each 16 values. In an anonymous
// namespace on purpose: every file of an instruction set gets its own copy (see x86_kernels.h).

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace selvedge::kernels::x86 {
namespace {

inline uint32_t LoadU32(const uint8_t* p) {
  uint32_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

inline __m128i Load16(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

inline int HalfBits(const uint8_t* p) { return p[0] | p[1] << 8; }

// Each of 8 bytes twice: Q4_K and Q5_K have one scale for 32 values.
inline __m128i Twice(uint32_t low, uint32_t high) {
  const __m128i eight = _mm_cvtsi64_si128(static_cast<long long>(uint64_t{high} << 32 | low));
  return _mm_unpacklo_epi8(eight, eight);
}

// Layouts: reference/block_runs.h. kMin: has minima; else levels are q + kOffset.
struct Q2_KScales {
  static constexpr size_t kBytes = 84;
  static constexpr bool kMin = true;
  static constexpr int kOffset = 0;
  static __m128i Scales(const uint8_t* b) { return _mm_and_si128(Load16(b), _mm_set1_epi8(15)); }
  static __m128i Mins(const uint8_t* b) {
    return _mm_and_si128(_mm_srli_epi16(Load16(b), 4), _mm_set1_epi8(15));
  }
  static int D(const uint8_t* b) { return HalfBits(b + 80); }
  static int DMin(const uint8_t* b) { return HalfBits(b + 82); }
};

struct Q3_KScales {
  static constexpr size_t kBytes = 110;
  static constexpr bool kMin = false;
  static constexpr int kOffset = 4;
  static __m128i Scales(const uint8_t* b) {
    const uint32_t low = LoadU32(b + 96), mid = LoadU32(b + 100), high = LoadU32(b + 104);
    const auto nibbles = [](uint32_t four, uint32_t two) {
      return static_cast<int>((four & 0x0F0F0F0F) | (two & 0x03030303) << 4);
    };
    const __m128i six = _mm_setr_epi32(nibbles(low, high), nibbles(mid, high >> 2),
                                       nibbles(low >> 4, high >> 4), nibbles(mid >> 4, high >> 6));
    return _mm_sub_epi8(six, _mm_set1_epi8(32));
  }
  static int D(const uint8_t* b) { return HalfBits(b + 108); }
};

struct Q4_KScales {
  static constexpr size_t kBytes = 144;
  static constexpr bool kMin = true;
  static constexpr int kOffset = 0;
  static __m128i Scales(const uint8_t* b) {
    const uint32_t first = LoadU32(b + 4), last = LoadU32(b + 12);
    return Twice(first & 0x3F3F3F3F, (last & 0x0F0F0F0F) | (first >> 6 & 0x03030303) << 4);
  }
  static __m128i Mins(const uint8_t* b) {
    const uint32_t first = LoadU32(b + 8), last = LoadU32(b + 12);
    return Twice(first & 0x3F3F3F3F, (last >> 4 & 0x0F0F0F0F) | (first >> 6 & 0x03030303) << 4);
  }
  static int D(const uint8_t* b) { return HalfBits(b); }
  static int DMin(const uint8_t* b) { return HalfBits(b + 2); }
};

struct Q5_KScales : Q4_KScales {
  static constexpr size_t kBytes = 176;
};

struct Q6_KScales {
  static constexpr size_t kBytes = 210;
  static constexpr bool kMin = false;
  static constexpr int kOffset = 32;
  static __m128i Scales(const uint8_t* b) { return Load16(b + 192); }
  static int D(const uint8_t* b) { return HalfBits(b + 208); }
};

// What meets the sums of 16 activations: the minima, or the scales times the offset of the levels.
template <typename Scales>
inline __m256i Biases(const uint8_t* block) {
  if constexpr (Scales::kMin) {
    return _mm256_cvtepu8_epi16(Scales::Mins(block));
  } else {
    return _mm256_mullo_epi16(_mm256_cvtepi8_epi16(Scales::Scales(block)),
                              _mm256_set1_epi16(Scales::kOffset));
  }
}

// -(what the biases are multiplied with) and the scale of the products, both without the
// activations' scale.
template <typename Scales>
inline void BlockScales(const uint8_t* block, float* d, float* bias) {
  *d = _cvtsh_ss(static_cast<unsigned short>(Scales::D(block)));
  if constexpr (Scales::kMin) {
    *bias = -_cvtsh_ss(static_cast<unsigned short>(Scales::DMin(block)));
  } else {
    *bias = -*d;
  }
}

}  // namespace
}  // namespace selvedge::kernels::x86
