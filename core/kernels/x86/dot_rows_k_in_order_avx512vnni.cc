// Q4_K and Q6_K. The orders of summation are those of llama.cpp's kernels for AVX2 (commit
// d32676d77): Q4_K as in ggml_gemv_q4_K_8x8_q8_K, whole blocks one after the other, products and
// minima apart; Q6_K as in ggml_vec_dot_q6_K_q8_K, eight lanes of four products each.

#include "core/kernels/x86/k_scales.h"
#include "core/kernels/x86/sum_lanes_avx512.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__m512i Load64(const uint8_t* p) { return _mm512_loadu_si512(p); }

constexpr size_t kQ4Bytes = Q4_KScales::kBytes;

// The activations of a block in the order of Q4_K's levels: runs of 32 values 0 and 2, 1 and 3, 4
// and 6, 5 and 7; and the sums of the 8 runs as 16-bit numbers, four times.
struct Q4Activations {
  __m512i q[4];
  __m512i sums;
  explicit Q4Activations(const int8_t* x, const int16_t* sums16) {
    const __m512i q0 = _mm512_loadu_si512(x), q1 = _mm512_loadu_si512(x + 64);
    const __m512i q2 = _mm512_loadu_si512(x + 128), q3 = _mm512_loadu_si512(x + 192);
    q[0] = _mm512_shuffle_i64x2(q0, q1, 0x44), q[1] = _mm512_shuffle_i64x2(q0, q1, 0xEE);
    q[2] = _mm512_shuffle_i64x2(q2, q3, 0x44), q[3] = _mm512_shuffle_i64x2(q2, q3, 0xEE);
    const __m256i pairs = _mm256_madd_epi16(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums16)), _mm256_set1_epi16(1));
    sums = _mm512_broadcast_i32x4(_mm256_cvtepi32_epi16(pairs));
  }
};

// The headers of four rows' blocks, one in each quarter: half d, half dmin, 12 bytes of scales and
// minima (reference/block_runs.h). Each becomes 8 numbers of 16 bits in its quarter.
struct Q4Header {
  __m512i scales, mins;
  explicit Q4Header(__m512i h) {
    const __m512i nibble = _mm512_set1_epi32(0x0F0F0F0F);
    const __m512i shifts = _mm512_set4_epi32(0, 4, 0, 0);
    // Numbers 0 to 3 in lanes 1 (scales) and 2 (minima) of a quarter, then 4 to 7.
    const __m512i first = _mm512_and_si512(h, _mm512_set1_epi32(0x3F3F3F3F));
    const __m512i top = _mm512_and_si512(_mm512_srli_epi32(h, 2), _mm512_set1_epi32(0x30303030));
    const __m512i low = _mm512_srlv_epi32(_mm512_shuffle_epi32(h, _MM_PERM_DDDD), shifts);
    const __m512i last = _mm512_or_si512(_mm512_and_si512(low, nibble), top);
    const __m512i zero = _mm512_setzero_si512();
    scales = _mm512_unpackhi_epi8(_mm512_unpacklo_epi32(first, last), zero);
    mins = _mm512_unpacklo_epi8(_mm512_unpackhi_epi32(first, last), zero);
  }
};

// Products of row i of the four whose scales these are, times the scales; the sum of all lanes is
// the sum over the block. Sums of four products fit into 16 bits.
template <int i>
__m512i Q4Products(const uint8_t* block, const Q4Activations& x, __m512i scales) {
  const __m512i nibble = _mm512_set1_epi8(15), zero = _mm512_setzero_si512();
  const __m512i q0 = Load64(block + 16), q1 = Load64(block + 80);
  const auto high = [&](__m512i q) { return _mm512_and_si512(_mm512_srli_epi16(q, 4), nibble); };
  const __m512i s0 = _mm512_dpbusd_epi32(zero, _mm512_and_si512(q0, nibble), x.q[0]);
  const __m512i s1 = _mm512_dpbusd_epi32(zero, high(q0), x.q[1]);
  const __m512i s2 = _mm512_dpbusd_epi32(zero, _mm512_and_si512(q1, nibble), x.q[2]);
  const __m512i s3 = _mm512_dpbusd_epi32(zero, high(q1), x.q[3]);
  // Packed quarters hold 4 sums of each of two runs: 0 and 1, the same, 2 and 3, the same.
  constexpr int64_t run = 0x0001'0001'0001'0001;
  const __m512i lanes =
      _mm512_add_epi64(_mm512_setr_epi64(0, run, 0, run, 2 * run, 3 * run, 2 * run, 3 * run),
                       _mm512_set1_epi64(8 * i * run));
  const __m512i later = _mm512_add_epi64(lanes, _mm512_set1_epi64(4 * run));
  const __m512i sum =
      _mm512_madd_epi16(_mm512_packs_epi32(s0, s1), _mm512_permutexvar_epi16(lanes, scales));
  return _mm512_dpwssd_epi32(sum, _mm512_packs_epi32(s2, s3),
                             _mm512_permutexvar_epi16(later, scales));
}

// The low halves of all lanes and the high halves, as floats.
struct HalfPairs {
  __m512 low, high;
  explicit HalfPairs(__m512i v) {
    constexpr int64_t four = 0x0006'0004'0002'0000, step = 0x0008'0008'0008'0008;
    constexpr int64_t odd = 0x0001'0001'0001'0001;
    const __m512i order =
        _mm512_setr_epi64(four, four + step, four + 2 * step, four + 3 * step, four + odd,
                          four + step + odd, four + 2 * step + odd, four + 3 * step + odd);
    const __m512i halves = _mm512_permutexvar_epi16(order, v);
    low = _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
    high = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1));
  }
};

// y[0, rows), rows <= kTileRows.
void DotsQ4_K(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
              const QuantizedActivations& x, float* y) {
  const TileRows tile(w, row_bytes, rows);
  const uint8_t* ahead = w + kTileRows * row_bytes;
  __m512 products = _mm512_setzero_ps(), minima = _mm512_setzero_ps();
  for (size_t b = 0; b < k / 256; ++b, ahead += kTileRows * kQ4Bytes) {
    const Q4Activations q(x.q + 256 * b, x.sums16 + 16 * b);
    __m512i sums[4], mins[4], headers[4];
#pragma GCC unroll 4
    for (size_t g = 0; g < 4; ++g) {
      ReadAhead(ahead + g * 4 * kQ4Bytes, 4 * kQ4Bytes);
      const uint8_t* block[4];
      for (size_t i = 0; i < 4; ++i) block[i] = tile.row[4 * g + i] + b * kQ4Bytes;
      headers[g] = FourQuarters(block[0], block[1], block[2], block[3]);
      const Q4Header header(headers[g]);
      const __m512i rows4[4] = {
          Q4Products<0>(block[0], q, header.scales), Q4Products<1>(block[1], q, header.scales),
          Q4Products<2>(block[2], q, header.scales), Q4Products<3>(block[3], q, header.scales)};
      sums[g] = SumQuarters(rows4);
      mins[g] = _mm512_madd_epi16(header.mins, q.sums);
    }
    const __m512i d = _mm512_unpacklo_epi64(_mm512_unpacklo_epi32(headers[0], headers[1]),
                                            _mm512_unpacklo_epi32(headers[2], headers[3]));
    const HalfPairs scales(TransposeLanes(d));
    const __m512 xd = _mm512_set1_ps(x.scales[b]);
    const __m512 product = _mm512_cvtepi32_ps(AddQuarters(sums));
    const __m512 minimum = _mm512_cvtepi32_ps(TransposeLanes(SumQuarters(mins)));
    products = _mm512_fmadd_ps(product, _mm512_mul_ps(scales.low, xd), products);
    minima = _mm512_fmadd_ps(minimum, _mm512_mul_ps(scales.high, xd), minima);
  }
  _mm512_mask_storeu_ps(y, static_cast<__mmask16>((1u << rows) - 1),
                        _mm512_sub_ps(products, minima));
}

constexpr size_t kQ6Bytes = Q6_KScales::kBytes;

// Products of one row with its scales, [2, 8] lanes: lane l of both parts together is the sum over
// values i with i % 32 / 4 = l. `scales` holds 16 numbers of 16 bits from place 16 * `second` on.
template <int second>
__m512i Q6Products(const uint8_t* block, const int8_t* x, __m512i scales) {
  const __m512i nibble = _mm512_set1_epi8(15), two = _mm512_set1_epi8(48);
  constexpr int64_t group = 0x0001'0001'0001'0001;
  __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m512i low = Load64(block + 64 * half);
    const __m256i bits =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 128 + 32 * half));
    // Bits 4 and 5 of the levels' bytes are those of the upper two of the four runs.
    const __m512i high =
        _mm512_inserti64x4(_mm512_castsi256_si512(bits), _mm256_srli_epi16(bits, 2), 1);
    const __m512i levels[2] = {_mm512_or_si512(_mm512_and_si512(low, nibble),
                                               _mm512_and_si512(_mm512_slli_epi16(high, 4), two)),
                               _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(low, 4), nibble),
                                               _mm512_and_si512(high, two))};
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const int first = 8 * half + 4 * i + 16 * second;  // scale of these 64 values
      const __m512i lanes = _mm512_setr_epi64(
          first * group, first * group, (first + 1) * group, (first + 1) * group,
          (first + 2) * group, (first + 2) * group, (first + 3) * group, (first + 3) * group);
      const __m512i q = _mm512_loadu_si512(x + 128 * half + 64 * i);
      sum = _mm512_dpwssd_epi32(sum, _mm512_maddubs_epi16(levels[i], q),
                                _mm512_permutexvar_epi16(lanes, scales));
    }
  }
  return sum;
}

float Sum(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// y[0, 2 * Pairs). `second` is the distance of the second row of a pair from the first.
template <size_t Pairs>
void DotsQ6_K(const uint8_t* w, size_t row_bytes, size_t second, size_t k,
              const QuantizedActivations& x, float* y) {
  const uint8_t* ahead = w + kTileRows * row_bytes;
  const __m512i lanes = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  __m512 acc[Pairs];
#pragma GCC unroll 2
  for (size_t p = 0; p < Pairs; ++p) acc[p] = _mm512_setzero_ps();
  for (size_t b = 0; b < k / 256; ++b, w += kQ6Bytes, ahead += 2 * Pairs * kQ6Bytes) {
    ReadAhead(ahead, 2 * Pairs * kQ6Bytes);
    const int8_t* q = x.q + 256 * b;
    const __m512i sums = _mm512_broadcast_i64x4(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.sums16 + 16 * b)));
    const __m128 xd = _mm_set1_ps(x.scales[b]);
#pragma GCC unroll 2
    for (size_t p = 0; p < Pairs; ++p) {
      const uint8_t* block = w + 2 * p * row_bytes;
      const uint8_t* other = block + second;
      const __m512i scales = _mm512_cvtepi8_epi16(_mm256_inserti128_si256(
          _mm256_castsi128_si256(Load16(block + 192)), Load16(other + 192), 1));
      const __m512i t0 = Q6Products<0>(block, q, scales), t1 = Q6Products<1>(other, q, scales);
      // The levels are q + 32.
      const __m512i excess = _mm512_slli_epi32(_mm512_madd_epi16(sums, scales), 5);
      const __m512i both =
          _mm512_add_epi32(_mm512_shuffle_i64x2(t0, t1, 0x44), _mm512_shuffle_i64x2(t0, t1, 0xEE));
      const __m128i d = _mm_cvtsi32_si128(HalfBits(block + 208) | HalfBits(other + 208) << 16);
      const __m512 scale =
          _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(_mm_mul_ps(_mm_cvtph_ps(d), xd)));
      acc[p] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(_mm512_sub_epi32(both, excess)), acc[p]);
    }
  }
#pragma GCC unroll 2
  for (size_t p = 0; p < Pairs; ++p) {
    y[2 * p] = Sum(_mm512_castps512_ps256(acc[p]));
    y[2 * p + 1] = Sum(_mm512_extractf32x8_ps(acc[p], 1));
  }
}

}  // namespace

void DotRowsQ4_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; r += kTileRows) {
    const size_t n = rows - r < kTileRows ? rows - r : kTileRows;
    DotsQ4_K(w + r * row_bytes, row_bytes, n, k, x, y + r);
  }
}

void DotRowsQ6_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) DotsQ6_K<2>(w + r * row_bytes, row_bytes, row_bytes, k, x, y + r);
  for (; r + 2 <= rows; r += 2) DotsQ6_K<1>(w + r * row_bytes, row_bytes, row_bytes, k, x, y + r);
  if (r < rows) {
    float pair[2];
    DotsQ6_K<1>(w + r * row_bytes, row_bytes, 0, k, x, pair);
    y[r] = pair[0];
  }
}

}  // namespace selvedge::kernels::x86
