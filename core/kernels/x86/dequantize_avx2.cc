#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__m256 Scale(const uint8_t* p) {
  return _mm256_cvtph_ps(_mm_set1_epi16(static_cast<short>(p[0] | p[1] << 8)));
}

__m256 Halves(__m128i h) { return _mm256_cvtph_ps(h); }
__m256 Bfloats(__m128i h) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

template <__m256 (*Convert)(__m128i)>
void DequantizeU16(const uint8_t* src, float* dst, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(dst + i,
                     Convert(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src + 2 * i))));
  }
  for (; i < n; ++i) {
    const int bits = src[2 * i] | src[2 * i + 1] << 8;
    dst[i] = _mm256_cvtss_f32(Convert(_mm_cvtsi32_si128(bits)));
  }
}

__m256 Scaled(__m128i bytes, __m256 d) {
  return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), d);
}

void Store16(float* dst, __m128i bytes, __m256 d) {
  _mm256_storeu_ps(dst, Scaled(bytes, d));
  _mm256_storeu_ps(dst + 8, Scaled(_mm_srli_si128(bytes, 8), d));
}

}  // namespace

void DequantizeF16_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  DequantizeU16<Halves>(row + 2 * first, dst, n);
}

void DequantizeBf16_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  DequantizeU16<Bfloats>(row + 2 * first, dst, n);
}

void DequantizeQ8_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  const uint8_t* src = row + first / 32 * 34;
  for (size_t i = 0; i < n; i += 32, src += 34, dst += 32) {
    const __m256 d = Scale(src);
    const auto* q = reinterpret_cast<const __m128i*>(src + 2);
    Store16(dst, _mm_loadu_si128(q), d);
    Store16(dst + 16, _mm_loadu_si128(q + 1), d);
  }
}

void DequantizeQ4_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  const uint8_t* src = row + first / 32 * 18;
  const __m128i fifteen = _mm_set1_epi8(15);
  const __m128i eight = _mm_set1_epi8(8);
  for (size_t i = 0; i < n; i += 32, src += 18, dst += 32) {
    const __m256 d = Scale(src);
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + 2));
    Store16(dst, _mm_sub_epi8(_mm_and_si128(q, fifteen), eight), d);
    Store16(dst + 16, _mm_sub_epi8(_mm_and_si128(_mm_srli_epi16(q, 4), fifteen), eight), d);
  }
}

}  // namespace selvedge::kernels::x86
