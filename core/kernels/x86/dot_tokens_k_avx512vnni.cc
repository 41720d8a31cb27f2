// Q3_K, Q5_K and Q6_K with several tokens: a row's levels are unpacked once for up to 8 of them.
// Each token has the bits of the dot products of dot_rows_k_avx512vnni.cc and
// dot_rows_k_in_order_avx512vnni.cc.

#include "core/kernels/x86/k_levels_avx2.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kTokens = 8;

// A row's block: register i holds values 64 i to 64 i + 63, and their scales as 16-bit numbers, one
// for two values.
template <typename Type>
struct Block {
  __m512i levels[4];
  __m512i scales[4];
  __m256i scales16;

  template <int i>
  void Load64(const uint8_t* block) {
    levels[i] = _mm512_inserti64x4(_mm512_castsi256_si512(Type::template Levels<2 * i>(block)),
                                   Type::template Levels<2 * i + 1>(block), 1);
    constexpr int64_t each = 0x0001'0001'0001'0001, a = 4 * i * each;
    const __m512i lanes = _mm512_setr_epi64(a, a, a + each, a + each, a + 2 * each, a + 2 * each,
                                            a + 3 * each, a + 3 * each);
    scales[i] = _mm512_permutexvar_epi16(lanes, _mm512_castsi256_si512(scales16));
  }

  explicit Block(const uint8_t* block) : scales16(_mm256_cvtepi8_epi16(Type::Scales(block))) {
    Load64<0>(block);
    Load64<1>(block);
    Load64<2>(block);
    Load64<3>(block);
  }
};

// Eight lanes of products with their scales: lane l is the sum over values i with i % 32 / 4 = l.
template <typename Type>
__m256i Lanes(const Block<Type>& w, const int8_t* q, __m256i sums) {
  __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i x = _mm512_loadu_si512(q + 64 * i);
    __m512i pairs = _mm512_maddubs_epi16(w.levels[i], x);
    if constexpr (Type::kBytes == Q3_K::kBytes) {  // the levels are q + 4
      pairs = _mm512_sub_epi16(pairs, _mm512_maddubs_epi16(_mm512_set1_epi8(4), x));
    }
    sum = _mm512_dpwssd_epi32(sum, pairs, w.scales[i]);
  }
  const __m256i lanes =
      _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
  if constexpr (Type::kBytes != Q6_K::kBytes) return lanes;
  // The levels are q + 32.
  return _mm256_sub_epi32(lanes, _mm256_slli_epi32(_mm256_madd_epi16(sums, w.scales16), 5));
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

// y[t * ldy] for one row.
template <typename Type, size_t Tokens>
void Dots(const uint8_t* row, size_t k, const QuantizedActivations& x, float* y, size_t ldy) {
  __m256 acc[Tokens];
  float minima[Tokens] = {};
#pragma GCC unroll 8
  for (size_t t = 0; t < Tokens; ++t) acc[t] = _mm256_setzero_ps();
  for (size_t b = 0; b < k / 256; ++b, row += Type::kBytes) {
    const Block<Type> block(row);
    float d, minus_dmin;
    BlockScales<Type>(row, &d, &minus_dmin);
#pragma GCC unroll 8
    for (size_t t = 0; t < Tokens; ++t) {
      const float xd = x.scales[t * x.stride / 256 + b];
      const __m256i sums = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(x.sums16 + t * x.stride / 16 + 16 * b));
      const __m256i lanes = Lanes(block, x.q + t * x.stride + 256 * b, sums);
      acc[t] = _mm256_fmadd_ps(_mm256_set1_ps(d * xd), _mm256_cvtepi32_ps(lanes), acc[t]);
      if constexpr (Type::kMin) {
        const __m256i minimum = _mm256_madd_epi16(Biases<Type>(row), sums);
        minima[t] = __builtin_fmaf(minus_dmin * xd, static_cast<float>(Sum(minimum)), minima[t]);
      }
    }
  }
#pragma GCC unroll 8
  for (size_t t = 0; t < Tokens; ++t) y[t * ldy] = Sum(acc[t]) + minima[t];
}

template <typename Type>
void DotTokens(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, size_t tokens,
               const QuantizedActivations& x, float* y, size_t ldy) {
  using DotsFn = void (*)(const uint8_t*, size_t, const QuantizedActivations&, float*, size_t);
  constexpr DotsFn kDots[kTokens + 1] = {nullptr,       Dots<Type, 1>, Dots<Type, 2>,
                                         Dots<Type, 3>, Dots<Type, 4>, Dots<Type, 5>,
                                         Dots<Type, 6>, Dots<Type, 7>, Dots<Type, 8>};
  for (size_t t = 0; t < tokens; t += kTokens) {
    QuantizedActivations some = x;
    some.q += t * x.stride;
    some.scales += t * x.stride / 256;
    some.sums16 += t * x.stride / 16;
    const DotsFn dots = kDots[tokens - t < kTokens ? tokens - t : kTokens];
    for (size_t r = 0; r < rows; ++r) dots(w + r * row_bytes, k, some, y + t * ldy + r, ldy);
  }
}

}  // namespace

void DotTokensQ3_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              size_t tokens, const QuantizedActivations& x, float* y, size_t ldy) {
  DotTokens<Q3_K>(w, row_bytes, rows, k, tokens, x, y, ldy);
}

void DotTokensQ5_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              size_t tokens, const QuantizedActivations& x, float* y, size_t ldy) {
  DotTokens<Q5_K>(w, row_bytes, rows, k, tokens, x, y, ldy);
}

void DotTokensQ6_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              size_t tokens, const QuantizedActivations& x, float* y, size_t ldy) {
  DotTokens<Q6_K>(w, row_bytes, rows, k, tokens, x, y, ldy);
}

}  // namespace selvedge::kernels::x86
