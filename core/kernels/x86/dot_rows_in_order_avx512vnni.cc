// Both orders of summation are those of llama.cpp's kernels for AVX2 (commit d32676d77), so that
// the same file gives the same greedy text there and here: Q8_0 as in ggml_vec_dot_q8_0_q8_0, eight
// lanes of four products; Q4_0 as in ggml_gemv_q4_0_8x8_q8_0, whole blocks one after the other.

#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

int HalfBits(const uint8_t* p) { return p[0] | p[1] << 8; }

float Sum(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// The same block of two rows, as q + 128: the integer product wants its first factor unsigned, and
// 128 * sum(x) is taken away again (shared by all rows).
__m512i TwoRowsQ8(const uint8_t* first, const uint8_t* second) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + 2));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(second + 2));
  const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  return _mm512_xor_si512(both, _mm512_set1_epi8(-128));
}

// y[0, 2 * Pairs). `second` is the distance of the second row of a pair from the first.
template <size_t Pairs>
void DotsQ8(const uint8_t* w, size_t row_bytes, size_t second, size_t k,
            const QuantizedActivations& x, float* y) {
  __m512 acc[Pairs];
#pragma GCC unroll 4
  for (size_t p = 0; p < Pairs; ++p) acc[p] = _mm512_setzero_ps();
  const __m512i lanes = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  for (size_t b = 0; b < k / 32; ++b, w += 34) {
    const __m512i q =
        _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.q + 32 * b)));
    const __m512i excess = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(-128), q);
    const __m512i start = _mm512_sub_epi32(_mm512_setzero_si512(), excess);
    const __m128 xd = _mm_set1_ps(x.scales[b]);
#pragma GCC unroll 4
    for (size_t p = 0; p < Pairs; ++p) {
      const uint8_t* row = w + 2 * p * row_bytes;
      const __m512i sum = _mm512_dpbusd_epi32(start, TwoRowsQ8(row, row + second), q);
      const __m128i wd = _mm_cvtsi32_si128(HalfBits(row) | HalfBits(row + second) << 16);
      const __m512 scale =
          _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(_mm_mul_ps(_mm_cvtph_ps(wd), xd)));
      acc[p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, acc[p]);
    }
  }
#pragma GCC unroll 4
  for (size_t p = 0; p < Pairs; ++p) {
    y[2 * p] = Sum(_mm512_castps512_ps256(acc[p]));
    y[2 * p + 1] = Sum(_mm512_extractf32x8_ps(acc[p], 1));
  }
}

constexpr size_t kQ4Rows = 16;

// The same block of four rows.
__m512i FourRowsQ4(const uint8_t* a, const uint8_t* b, const uint8_t* c, const uint8_t* d) {
  const auto load = [](const uint8_t* block) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 2));
  };
  __m512i rows = _mm512_castsi128_si512(load(a));
  rows = _mm512_inserti32x4(rows, load(b), 1);
  rows = _mm512_inserti32x4(rows, load(c), 2);
  return _mm512_inserti32x4(rows, load(d), 3);
}

// Per 32-bit lane, the sum over 16-byte quarters: [a, b, c, d] of each quarter.
__m512i SumQuarters(const __m512i s[4]) {
  const __m512i t0 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(s[0], s[1]), _mm512_unpackhi_epi32(s[0], s[1]));
  const __m512i t1 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(s[2], s[3]), _mm512_unpackhi_epi32(s[2], s[3]));
  return _mm512_add_epi32(_mm512_unpacklo_epi64(t0, t1), _mm512_unpackhi_epi64(t0, t1));
}

__m512 SixteenScales(const uint8_t* w, const size_t at[kQ4Rows]) {
  const auto bits = [&](size_t i) { return static_cast<short>(HalfBits(w + at[i])); };
  return _mm512_cvtph_ps(_mm256_setr_epi16(bits(0), bits(1), bits(2), bits(3), bits(4), bits(5),
                                           bits(6), bits(7), bits(8), bits(9), bits(10), bits(11),
                                           bits(12), bits(13), bits(14), bits(15)));
}

// y[0, rows), rows <= kQ4Rows; absent rows repeat the last.
void DotsQ4(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
            const QuantizedActivations& x, float* y) {
  size_t at[kQ4Rows];
  for (size_t i = 0; i < kQ4Rows; ++i) at[i] = (i < rows ? i : rows - 1) * row_bytes;
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512 acc = _mm512_setzero_ps();
  for (size_t b = 0; b < k / 32; ++b, w += 18) {
    const auto* q = reinterpret_cast<const __m128i*>(x.q + 32 * b);
    const __m512i q_low = _mm512_broadcast_i32x4(_mm_loadu_si128(q));
    const __m512i q_high = _mm512_broadcast_i32x4(_mm_loadu_si128(q + 1));
    __m512i s[4];
#pragma GCC unroll 4
    for (size_t g = 0; g < 4; ++g) {
      const __m512i raw = FourRowsQ4(w + at[g], w + at[4 + g], w + at[8 + g], w + at[12 + g]);
      const __m512i high = _mm512_and_si512(_mm512_srli_epi16(raw, 4), nibble);
      s[g] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_and_si512(raw, nibble), q_low);
      s[g] = _mm512_dpbusd_epi32(s[g], high, q_high);
    }
    // The nibbles are q + 8.
    const __m512i sum = _mm512_sub_epi32(SumQuarters(s), _mm512_set1_epi32(8 * x.sums[b]));
    const __m512 scale = _mm512_mul_ps(SixteenScales(w, at), _mm512_set1_ps(x.scales[b]));
    acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, acc);
  }
  _mm512_mask_storeu_ps(y, static_cast<__mmask16>((1u << rows) - 1), acc);
}

}  // namespace

void DotRowsQ8_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                          const QuantizedActivations& x, float* y) {
  size_t r = 0;
  for (; r + 8 <= rows; r += 8) DotsQ8<4>(w + r * row_bytes, row_bytes, row_bytes, k, x, y + r);
  for (; r + 2 <= rows; r += 2) DotsQ8<1>(w + r * row_bytes, row_bytes, row_bytes, k, x, y + r);
  if (r < rows) {
    float pair[2];
    DotsQ8<1>(w + r * row_bytes, row_bytes, 0, k, x, pair);
    y[r] = pair[0];
  }
}

void DotRowsQ4_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                          const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; r += kQ4Rows) {
    const size_t n = rows - r < kQ4Rows ? rows - r : kQ4Rows;
    DotsQ4(w + r * row_bytes, row_bytes, n, k, x, y + r);
  }
}

}  // namespace selvedge::kernels::x86
