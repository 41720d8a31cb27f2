// Dot products of the types with blocks of 256 (Q2_K to Q6_K).

#include "core/kernels/x86/k_levels_avx2.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

// 8 sums: the products of a run with their scales, scales[2 run] in the lower half of the register
// and scales[2 run + 1] in the upper. No saturation: 2 * 63 * 127 < 32768.
template <typename Type, int run>
__m256i Run(const uint8_t* block, const int8_t* q, const __m256i scales[2]) {
  constexpr char kA = 4 * (run % 4), kB = kA + 2;  // bytes of the two scales in their register
  const __m256i pick =
      _mm256_setr_epi8(kA, kA + 1, kA, kA + 1, kA, kA + 1, kA, kA + 1, kA, kA + 1, kA, kA + 1, kA,
                       kA + 1, kA, kA + 1, kB, kB + 1, kB, kB + 1, kB, kB + 1, kB, kB + 1, kB,
                       kB + 1, kB, kB + 1, kB, kB + 1, kB, kB + 1);
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + 32 * run));
  const __m256i pairs = _mm256_maddubs_epi16(Type::template Levels<run>(block), x);
  return _mm256_madd_epi16(pairs, _mm256_shuffle_epi8(scales[run / 4], pick));
}

float Sum(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

template <typename Type>
float Dot(const uint8_t* block, size_t k, const QuantizedActivations& x) {
  __m256 acc = _mm256_setzero_ps();
  for (size_t b = 0; b < k / 256; ++b, block += Type::kBytes) {
    const int8_t* q = x.q + 256 * b;
    const __m256i sixteen = _mm256_cvtepi8_epi16(Type::Scales(block));
    const __m256i scales[2] = {_mm256_permute4x64_epi64(sixteen, 0x44),
                               _mm256_permute4x64_epi64(sixteen, 0xEE)};
    const __m256i first = _mm256_add_epi32(
        _mm256_add_epi32(Run<Type, 0>(block, q, scales), Run<Type, 1>(block, q, scales)),
        _mm256_add_epi32(Run<Type, 2>(block, q, scales), Run<Type, 3>(block, q, scales)));
    const __m256i last = _mm256_add_epi32(
        _mm256_add_epi32(Run<Type, 4>(block, q, scales), Run<Type, 5>(block, q, scales)),
        _mm256_add_epi32(Run<Type, 6>(block, q, scales), Run<Type, 7>(block, q, scales)));
    const __m256i bias =
        _mm256_madd_epi16(Biases<Type>(block),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.sums16 + 16 * b)));
    float d, dbias;
    BlockScales<Type>(block, &d, &dbias);
    acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(first, last)),
                          _mm256_set1_ps(d * x.scales[b]), acc);
    acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(bias), _mm256_set1_ps(dbias * x.scales[b]), acc);
  }
  return Sum(acc);
}

template <typename Type>
void DotRows(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
             const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; ++r) y[r] = Dot<Type>(w + r * row_bytes, k, x);
}

}  // namespace

void DotRowsQ2_K_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                      const QuantizedActivations& x, float* y) {
  DotRows<Q2_K>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ3_K_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                      const QuantizedActivations& x, float* y) {
  DotRows<Q3_K>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ4_K_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                      const QuantizedActivations& x, float* y) {
  DotRows<Q4_K>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ5_K_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                      const QuantizedActivations& x, float* y) {
  DotRows<Q5_K>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ6_K_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                      const QuantizedActivations& x, float* y) {
  DotRows<Q6_K>(w, row_bytes, rows, k, x, y);
}

}  // namespace selvedge::kernels::x86
