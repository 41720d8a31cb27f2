// Dot products of Q2_K, Q3_K and Q5_K, 64 values at a time.

#include "core/kernels/x86/k_scales.h"
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

// The lanes of register i, 4 values each, take these of the 16 scales.
template <Pairs pairs>
__m512i ScaleLanes(int i) {
  const int a = 2 * First(pairs, i), b = 2 * Second(pairs, i);
  return _mm512_setr_epi32(a, a, a, a, a + 1, a + 1, a + 1, a + 1, b, b, b, b, b + 1, b + 1, b + 1,
                           b + 1);
}

template <typename Type, size_t Rows>
void Dots(const uint8_t* w, size_t row_bytes, size_t k, const QuantizedActivations& x, float* y) {
  __m512 acc[Rows];
  __m256 biases[Rows];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) acc[r] = _mm512_setzero_ps(), biases[r] = _mm256_setzero_ps();
  for (size_t b = 0; b < k / 256; ++b, w += Type::kBytes) {
    __m512i q[4];
    Arrange<Type::kPairs>(x.q + 256 * b, q);
    const __m256i sums = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.sums16 + 16 * b));
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      const uint8_t* block = w + r * row_bytes;
      float d, dbias;
      BlockScales<Type>(block, &d, &dbias);
      const __m512 scales =
          _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(Type::Scales(block))),
                        _mm512_set1_ps(d * x.scales[b]));
      __m512i levels[4];
      Type::Levels(block, levels);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), levels[i], q[i]);
        const __m512 scale = _mm512_permutexvar_ps(ScaleLanes<Type::kPairs>(i), scales);
        acc[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, acc[r]);
      }
      const __m256i bias = _mm256_madd_epi16(Biases<Type>(block), sums);
      biases[r] =
          _mm256_fmadd_ps(_mm256_cvtepi32_ps(bias), _mm256_set1_ps(dbias * x.scales[b]), biases[r]);
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) {
    y[r] = _mm512_reduce_add_ps(_mm512_add_ps(acc[r], _mm512_zextps256_ps512(biases[r])));
  }
}

template <typename Type>
void DotRows(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
             const QuantizedActivations& x, float* y) {
  constexpr size_t kRows = 2;
  size_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    Dots<Type, kRows>(w + r * row_bytes, row_bytes, k, x, y + r);
  for (; r < rows; ++r) Dots<Type, 1>(w + r * row_bytes, row_bytes, k, x, y + r);
}

}  // namespace

void DotRowsQ2_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRows<Q2_K>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ3_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRows<Q3_K>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ5_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRows<Q5_K>(w, row_bytes, rows, k, x, y);
}

}  // namespace selvedge::kernels::x86
