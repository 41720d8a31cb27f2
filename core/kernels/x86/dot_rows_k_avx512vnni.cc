// Q2_K, Q3_K and Q5_K, 64 values at a time. The orders of summation are those of llama.cpp's
// kernels (commit d32676d77): Q2_K as in ggml_gemv_q2_K_8x8_q8_K, whole blocks one after the other,
// products and minima apart; Q3_K and Q5_K as in ggml_vec_dot_q3_K_q8_K and ggml_vec_dot_q5_K_q8_K,
// eight lanes of four products each, minima apart.

#include "core/kernels/x86/k_scales.h"
#include "core/kernels/x86/sum_lanes_avx512.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__m512i Load64(const uint8_t* p) { return _mm512_loadu_si512(p); }

__m256i Load32(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

// (bytes >> shift) & mask, byte by byte.
template <int shift>
__m512i Bits(__m512i bytes, int mask) {
  return _mm512_and_si512(_mm512_srli_epi16(bytes, shift),
                          _mm512_set1_epi8(static_cast<char>(mask)));
}

template <int from, int to>
__m512i BitsTo(__m512i bytes, int mask) {
  return _mm512_slli_epi16(Bits<from>(bytes, mask), to);
}

// 32 bytes, and the same shifted right.
template <int shift>
__m512i WithShifted(__m256i bytes) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(bytes), _mm256_srli_epi16(bytes, shift), 1);
}

// Which two runs of 32 a register of levels holds is what 64 bytes of the block give.
enum class Pairs { kEverySecond, kEveryFourth };

// The runs of register i.
constexpr int First(Pairs pairs, int i) {
  return pairs == Pairs::kEverySecond ? i / 2 * 4 + i % 2 : i;
}
constexpr int Second(Pairs pairs, int i) {
  return First(pairs, i) + (pairs == Pairs::kEverySecond ? 2 : 4);
}

// 256 activations in the order of the levels.
template <Pairs pairs>
void Arrange(const int8_t* q, __m512i out[4]) {
  const __m512i q0 = _mm512_loadu_si512(q), q1 = _mm512_loadu_si512(q + 64);
  const __m512i q2 = _mm512_loadu_si512(q + 128), q3 = _mm512_loadu_si512(q + 192);
  if constexpr (pairs == Pairs::kEverySecond) {
    out[0] = _mm512_shuffle_i64x2(q0, q1, 0x44);
    out[1] = _mm512_shuffle_i64x2(q0, q1, 0xEE);
    out[2] = _mm512_shuffle_i64x2(q2, q3, 0x44);
    out[3] = _mm512_shuffle_i64x2(q2, q3, 0xEE);
  } else {
    out[0] = _mm512_shuffle_i64x2(q0, q2, 0x44);
    out[1] = _mm512_shuffle_i64x2(q0, q2, 0xEE);
    out[2] = _mm512_shuffle_i64x2(q1, q3, 0x44);
    out[3] = _mm512_shuffle_i64x2(q1, q3, 0xEE);
  }
}

struct Q2_K : Q2_KScales {
  static constexpr Pairs kPairs = Pairs::kEveryFourth;
  static void Levels(const uint8_t* block, __m512i out[4]) {
    const __m512i qs = Load64(block + 16);
    out[0] = Bits<0>(qs, 3), out[1] = Bits<2>(qs, 3);
    out[2] = Bits<4>(qs, 3), out[3] = Bits<6>(qs, 3);
  }
};

struct Q3_K : Q3_KScales {
  static constexpr Pairs kPairs = Pairs::kEveryFourth;
  static void Levels(const uint8_t* block, __m512i out[4]) {
    const __m512i qs = Load64(block + 32);
    const __m512i high = WithShifted<4>(Load32(block));
    out[0] = _mm512_or_si512(Bits<0>(qs, 3), BitsTo<0, 2>(high, 1));
    out[1] = _mm512_or_si512(Bits<2>(qs, 3), BitsTo<1, 2>(high, 1));
    out[2] = _mm512_or_si512(Bits<4>(qs, 3), BitsTo<2, 2>(high, 1));
    out[3] = _mm512_or_si512(Bits<6>(qs, 3), BitsTo<3, 2>(high, 1));
  }
};

struct Q5_K : Q5_KScales {
  static constexpr Pairs kPairs = Pairs::kEverySecond;
  static void Levels(const uint8_t* block, __m512i out[4]) {
    const __m512i q0 = Load64(block + 48), q1 = Load64(block + 112);
    const __m512i high = WithShifted<2>(Load32(block + 16));
    out[0] = _mm512_or_si512(Bits<0>(q0, 15), BitsTo<0, 4>(high, 1));
    out[1] = _mm512_or_si512(Bits<4>(q0, 15), BitsTo<1, 4>(high, 1));
    out[2] = _mm512_or_si512(Bits<0>(q1, 15), BitsTo<4, 4>(high, 1));
    out[3] = _mm512_or_si512(Bits<4>(q1, 15), BitsTo<5, 4>(high, 1));
  }
};

// The 16-bit lanes of register i, two values each, take these of the 16 scales.
template <Pairs pairs>
__m512i ScaleLanes(int i) {
  constexpr int64_t each = 0x0001'0001'0001'0001;
  const int64_t a = 2 * First(pairs, i) * each, b = 2 * Second(pairs, i) * each;
  return _mm512_setr_epi64(a, a, a + each, a + each, b, b, b + each, b + each);
}

// The activations of a block in the order of the levels, and what the offset of the levels adds to
// the sums of two products.
template <typename Type>
struct Activations {
  __m512i q[4];
  __m512i excess[4];
  explicit Activations(const int8_t* x) {
    Arrange<Type::kPairs>(x, q);
    for (int i = 0; i < 4; ++i) {
      excess[i] = _mm512_maddubs_epi16(_mm512_set1_epi8(Type::kOffset), q[i]);
    }
  }
};

// Products of a block with their scales: lanes l and 8 + l together are the sum over the values i
// with i % 32 / 4 = l. Sums of two products fit into 16 bits: 2 * 31 * 127.
template <typename Type>
__m512i Products(const uint8_t* block, const Activations<Type>& x) {
  const __m512i scales = _mm512_castsi256_si512(_mm256_cvtepi8_epi16(Type::Scales(block)));
  __m512i levels[4];
  Type::Levels(block, levels);
  __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    __m512i pairs = _mm512_maddubs_epi16(levels[i], x.q[i]);
    if constexpr (Type::kOffset != 0) pairs = _mm512_sub_epi16(pairs, x.excess[i]);
    const __m512i scale = _mm512_permutexvar_epi16(ScaleLanes<Type::kPairs>(i), scales);
    sum = _mm512_dpwssd_epi32(sum, pairs, scale);
  }
  return sum;
}

// Minima of a block times the sums of the activations; the lanes' sum counts.
template <typename Type>
__m256i Minima(const uint8_t* block, __m256i sums) {
  return _mm256_madd_epi16(_mm256_cvtepu8_epi16(Type::Mins(block)), sums);
}

__m256i LoadSums(const QuantizedActivations& x, size_t block) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.sums16 + 16 * block));
}

float Sum(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

int32_t Sum(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1)));
}

// Q3_K and Q5_K: y[0, Rows).
template <typename Type, size_t Rows>
void DotsInLanes(const uint8_t* w, size_t row_bytes, size_t k, const QuantizedActivations& x,
                 float* y) {
  const uint8_t* ahead = w + kTileRows * row_bytes;
  __m256 acc[Rows];
  float minima[Rows] = {};
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) acc[r] = _mm256_setzero_ps();
  for (size_t b = 0; b < k / 256; ++b, w += Type::kBytes, ahead += Rows * Type::kBytes) {
    ReadAhead(ahead, Rows * Type::kBytes);
    const Activations<Type> q(x.q + 256 * b);
    const __m256i sums = LoadSums(x, b);
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      const uint8_t* block = w + r * row_bytes;
      float d, minus_dmin;
      BlockScales<Type>(block, &d, &minus_dmin);
      const __m512i both = Products(block, q);
      const __m256i lanes =
          _mm256_add_epi32(_mm512_castsi512_si256(both), _mm512_extracti64x4_epi64(both, 1));
      acc[r] = _mm256_fmadd_ps(_mm256_set1_ps(d * x.scales[b]), _mm256_cvtepi32_ps(lanes), acc[r]);
      if constexpr (Type::kMin) {
        const auto minimum = static_cast<float>(Sum(Minima<Type>(block, sums)));
        minima[r] = __builtin_fmaf(minus_dmin * x.scales[b], minimum, minima[r]);
      }
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) y[r] = Sum(acc[r]) + minima[r];
}

template <typename Type>
void DotRowsInLanes(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                    const QuantizedActivations& x, float* y) {
  constexpr size_t kRows = 2;
  size_t r = 0;
  for (; r + kRows <= rows; r += kRows) {
    DotsInLanes<Type, kRows>(w + r * row_bytes, row_bytes, k, x, y + r);
  }
  for (; r < rows; ++r) DotsInLanes<Type, 1>(w + r * row_bytes, row_bytes, k, x, y + r);
}

// The sums of each of four registers.
__m128i SumEach(const __m512i s[4]) {
  const __m512i quarters = SumQuarters(s);
  const __m256i halves =
      _mm256_add_epi32(_mm512_castsi512_si256(quarters), _mm512_extracti64x4_epi64(quarters, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

// Q2_K: y[0, rows), rows <= 4; absent rows repeat the last.
void DotsQ2_K(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
              const QuantizedActivations& x, float* y) {
  const uint8_t* row[4];
  for (size_t i = 0; i < 4; ++i) row[i] = w + (i < rows ? i : rows - 1) * row_bytes;
  const uint8_t* ahead = w + kTileRows * row_bytes;
  __m128 products = _mm_setzero_ps(), minima = _mm_setzero_ps();
  for (size_t b = 0; b < k / 256; ++b, ahead += 4 * Q2_K::kBytes) {
    ReadAhead(ahead, 4 * Q2_K::kBytes);
    const Activations<Q2_K> q(x.q + 256 * b);
    const __m256i sums = LoadSums(x, b);
    __m512i product[4], minimum[4];
    short d[4], dmin[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      const uint8_t* block = row[i] + b * Q2_K::kBytes;
      product[i] = Products(block, q);
      minimum[i] = _mm512_zextsi256_si512(Minima<Q2_K>(block, sums));
      d[i] = static_cast<short>(Q2_K::D(block));
      dmin[i] = static_cast<short>(Q2_K::DMin(block));
    }
    const __m128 halves = _mm_cvtph_ps(_mm_setr_epi16(d[0], d[1], d[2], d[3], 0, 0, 0, 0));
    const __m128 min_halves =
        _mm_cvtph_ps(_mm_setr_epi16(dmin[0], dmin[1], dmin[2], dmin[3], 0, 0, 0, 0));
    const __m128 xd = _mm_set1_ps(x.scales[b]);
    products = _mm_fmadd_ps(_mm_cvtepi32_ps(SumEach(product)), _mm_mul_ps(halves, xd), products);
    minima = _mm_fmadd_ps(_mm_cvtepi32_ps(SumEach(minimum)), _mm_mul_ps(min_halves, xd), minima);
  }
  float out[4];
  _mm_storeu_ps(out, _mm_sub_ps(products, minima));
  for (size_t i = 0; i < rows; ++i) y[i] = out[i];
}

}  // namespace

void DotRowsQ2_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; r += 4) {
    const size_t n = rows - r < 4 ? rows - r : 4;
    DotsQ2_K(w + r * row_bytes, row_bytes, n, k, x, y + r);
  }
}

void DotRowsQ3_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRowsInLanes<Q3_K>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ5_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRowsInLanes<Q5_K>(w, row_bytes, rows, k, x, y);
}

}  // namespace selvedge::kernels::x86
