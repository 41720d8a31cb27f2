// The orders of summation are those of llama.cpp's kernels for AVX2 (commit d32676d77), so that the
// same file gives the same greedy text there and here: Q8_0 as in ggml_vec_dot_q8_0_q8_0, and Q4_1,
// Q5_0 and Q5_1 likewise, eight lanes of four products, minima apart; Q4_0 and IQ4_NL as in
// ggml_gemv_q4_0_8x8_q8_0, whole blocks one after the other.

#include <immintrin.h>

#include "core/kernels/x86/sum_lanes_avx512.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

int HalfBits(const uint8_t* p) { return p[0] | p[1] << 8; }

float Sum(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// The same block of two rows as q + kOffset: the integer product wants its first factor unsigned,
// and kOffset * sum(x) is taken away again (shared by all rows).
struct Q8_0 {
  static constexpr size_t kBytes = 34, kMinAt = 0;
  static constexpr char kOffset = -128;  // 128 as an unsigned byte
  static __m512i TwoRows(const uint8_t* first, const uint8_t* second) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + 2));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(second + 2));
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    return _mm512_xor_si512(both, _mm512_set1_epi8(-128));
  }
};

// The nibbles at `At`.
template <size_t At>
__m512i TwoRowsOfNibbles(const uint8_t* first, const uint8_t* second) {
  const auto load = [](const uint8_t* block) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + At));
  };
  const __m512i twice =
      _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(load(first)), 0xFF00, load(second));
  const __m512i shifts = _mm512_setr_epi64(0, 0, 4, 4, 0, 0, 4, 4);
  return _mm512_and_si512(_mm512_srlv_epi64(twice, shifts), _mm512_set1_epi8(15));
}

// The nibbles at `At`, with the fifth bits in the four bytes before.
template <size_t At>
__m512i TwoRowsOfFiveBits(const uint8_t* first, const uint8_t* second) {
  uint32_t bits[2];
  __builtin_memcpy(&bits[0], first + At - 4, sizeof bits[0]);
  __builtin_memcpy(&bits[1], second + At - 4, sizeof bits[1]);
  const __mmask64 fifth = bits[0] | static_cast<__mmask64>(bits[1]) << 32;
  const __m512i nibbles = TwoRowsOfNibbles<At>(first, second);
  return _mm512_mask_add_epi8(nibbles, fifth, nibbles, _mm512_set1_epi8(16));
}

struct Q5_0 {
  static constexpr size_t kBytes = 22, kMinAt = 0;
  static constexpr char kOffset = 16;
  static __m512i TwoRows(const uint8_t* first, const uint8_t* second) {
    return TwoRowsOfFiveBits<6>(first, second);
  }
};

struct Q4_1 {
  static constexpr size_t kBytes = 20, kMinAt = 2;
  static constexpr char kOffset = 0;
  static __m512i TwoRows(const uint8_t* first, const uint8_t* second) {
    return TwoRowsOfNibbles<4>(first, second);
  }
};

struct Q5_1 {
  static constexpr size_t kBytes = 24, kMinAt = 2;
  static constexpr char kOffset = 0;
  static __m512i TwoRows(const uint8_t* first, const uint8_t* second) {
    return TwoRowsOfFiveBits<8>(first, second);
  }
};

// Halves of two rows in the first two lanes.
__m128 TwoHalves(const uint8_t* first, const uint8_t* second) {
  return _mm_cvtph_ps(_mm_cvtsi32_si128(HalfBits(first) | HalfBits(second) << 16));
}

// y[0, 2 * Pairs). `second` is the distance of the second row of a pair from the first.
template <typename Type, size_t Pairs>
void Dots8Lanes(const uint8_t* w, size_t row_bytes, size_t second, size_t k,
                const QuantizedActivations& x, float* y) {
  const uint8_t* ahead = w + kTileRows * row_bytes;
  __m512 acc[Pairs];
#pragma GCC unroll 4
  for (size_t p = 0; p < Pairs; ++p) acc[p] = _mm512_setzero_ps();
  __m128 minima[Pairs] = {};  // the first two lanes count
  const __m512i lanes = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  for (size_t b = 0; b < k / 32; ++b, w += Type::kBytes, ahead += 2 * Pairs * Type::kBytes) {
    ReadAhead(ahead, 2 * Pairs * Type::kBytes);
    const __m512i q =
        _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.q + 32 * b)));
    const __m512i excess =
        _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(Type::kOffset), q);
    const __m512i start = _mm512_sub_epi32(_mm512_setzero_si512(), excess);
    const __m128 xd = _mm_set1_ps(x.scales[b]);
#pragma GCC unroll 4
    for (size_t p = 0; p < Pairs; ++p) {
      const uint8_t* row = w + 2 * p * row_bytes;
      const __m512i sum = _mm512_dpbusd_epi32(start, Type::TwoRows(row, row + second), q);
      const __m128 d = _mm_mul_ps(TwoHalves(row, row + second), xd);
      const __m512 scale = _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(d));
      acc[p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, acc[p]);
      if constexpr (Type::kMinAt != 0) {
        const __m128 min = TwoHalves(row + Type::kMinAt, row + second + Type::kMinAt);
        minima[p] = _mm_fmadd_ps(min, _mm_set1_ps(x.weighted_sums[b]), minima[p]);
      }
    }
  }
#pragma GCC unroll 4
  for (size_t p = 0; p < Pairs; ++p) {
    y[2 * p] = Sum(_mm512_castps512_ps256(acc[p])) + minima[p][0];
    y[2 * p + 1] = Sum(_mm512_extractf32x8_ps(acc[p], 1)) + minima[p][1];
  }
}

template <typename Type>
void DotRows8Lanes(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                   const QuantizedActivations& x, float* y) {
  size_t r = 0;
  for (; r + 8 <= rows; r += 8) {
    Dots8Lanes<Type, 4>(w + r * row_bytes, row_bytes, row_bytes, k, x, y + r);
  }
  for (; r + 2 <= rows; r += 2) {
    Dots8Lanes<Type, 1>(w + r * row_bytes, row_bytes, row_bytes, k, x, y + r);
  }
  if (r < rows) {
    float pair[2];
    Dots8Lanes<Type, 1>(w + r * row_bytes, row_bytes, 0, k, x, pair);
    y[r] = pair[0];
  }
}

// The halves at the start of 16 blocks, as floats.
__m512 SixteenScales(const TileRows& tile, size_t offset) {
  __m128i low = _mm_setzero_si128(), high = low;
  const auto half = [&](int i) {
    uint16_t bits;
    __builtin_memcpy(&bits, tile.row[i] + offset, sizeof bits);
    return bits;
  };
  low = _mm_insert_epi16(low, half(0), 0), high = _mm_insert_epi16(high, half(8), 0);
  low = _mm_insert_epi16(low, half(1), 1), high = _mm_insert_epi16(high, half(9), 1);
  low = _mm_insert_epi16(low, half(2), 2), high = _mm_insert_epi16(high, half(10), 2);
  low = _mm_insert_epi16(low, half(3), 3), high = _mm_insert_epi16(high, half(11), 3);
  low = _mm_insert_epi16(low, half(4), 4), high = _mm_insert_epi16(high, half(12), 4);
  low = _mm_insert_epi16(low, half(5), 5), high = _mm_insert_epi16(high, half(13), 5);
  low = _mm_insert_epi16(low, half(6), 6), high = _mm_insert_epi16(high, half(14), 6);
  low = _mm_insert_epi16(low, half(7), 7), high = _mm_insert_epi16(high, half(15), 7);
  return _mm512_cvtph_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1));
}

constexpr size_t kQ4Bytes = 18;  // half d; nibbles[16]

// What nibbles stand for, as q + kOffset.
struct Q4_0 {
  static constexpr int32_t kOffset = 8;
  static __m512i Levels(__m512i nibbles) { return nibbles; }
};

struct Iq4Nl {
  static constexpr int32_t kOffset = 128;
  static __m512i Levels(__m512i nibbles) {
    const __m128i levels = _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90,
                                         -75, -59, -39, -15);  // unsigned
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(levels), nibbles);
  }
};

// y[0, rows), rows <= kTileRows.
template <typename Type>
void DotsQ4(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
            const QuantizedActivations& x, float* y) {
  const TileRows tile(w, row_bytes, rows);
  const uint8_t* ahead = w + kTileRows * row_bytes;
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512 acc = _mm512_setzero_ps();
  for (size_t b = 0; b < k / 32; ++b, ahead += kTileRows * kQ4Bytes) {
    ReadAhead(ahead, kTileRows * kQ4Bytes);
    const auto* q = reinterpret_cast<const __m128i*>(x.q + 32 * b);
    const __m512i q_low = _mm512_broadcast_i32x4(_mm_loadu_si128(q));
    const __m512i q_high = _mm512_broadcast_i32x4(_mm_loadu_si128(q + 1));
    const size_t at = b * kQ4Bytes;
    __m512i s[4];
#pragma GCC unroll 4
    for (size_t g = 0; g < 4; ++g) {
      const __m512i raw = FourQuarters(tile.row[g] + at + 2, tile.row[4 + g] + at + 2,
                                       tile.row[8 + g] + at + 2, tile.row[12 + g] + at + 2);
      const __m512i low = Type::Levels(_mm512_and_si512(raw, nibble));
      const __m512i high = Type::Levels(_mm512_and_si512(_mm512_srli_epi16(raw, 4), nibble));
      s[g] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), low, q_low);
      s[g] = _mm512_dpbusd_epi32(s[g], high, q_high);
    }
    const __m512i excess = _mm512_set1_epi32(Type::kOffset * x.sums[b]);
    const __m512i sum = _mm512_sub_epi32(SumQuarters(s), excess);
    const __m512 scale = _mm512_mul_ps(SixteenScales(tile, at), _mm512_set1_ps(x.scales[b]));
    acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, acc);
  }
  _mm512_mask_storeu_ps(y, static_cast<__mmask16>((1u << rows) - 1), acc);
}

template <typename Type>
void DotRowsQ4(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
               const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; r += kTileRows) {
    const size_t n = rows - r < kTileRows ? rows - r : kTileRows;
    DotsQ4<Type>(w + r * row_bytes, row_bytes, n, k, x, y + r);
  }
}

}  // namespace

void DotRowsQ8_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                          const QuantizedActivations& x, float* y) {
  DotRows8Lanes<Q8_0>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ4_1_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRows8Lanes<Q4_1>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ5_0_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRows8Lanes<Q5_0>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ5_1_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRows8Lanes<Q5_1>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ4_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                          const QuantizedActivations& x, float* y) {
  DotRowsQ4<Q4_0>(w, row_bytes, rows, k, x, y);
}

void DotRowsIq4Nl_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                             const QuantizedActivations& x, float* y) {
  DotRowsQ4<Iq4Nl>(w, row_bytes, rows, k, x, y);
}

}  // namespace selvedge::kernels::x86
