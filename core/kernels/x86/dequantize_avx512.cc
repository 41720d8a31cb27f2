#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__mmask16 Mask(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }

// The half at p, as 16 equal floats.
__m512 Scale(const uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_set1_epi16(static_cast<short>(p[0] | p[1] << 8)));
}

__m512 Halves(__m256i h) { return _mm512_cvtph_ps(h); }
__m512 Bfloats(__m256i h) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

}  // namespace

void DequantizeF16_Avx512(const uint8_t* row, size_t first, float* dst, size_t n) {
  const uint8_t* src = row + 2 * first;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(dst + i,
                     Halves(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src + 2 * i))));
  }
  if (i < n) {
    const __mmask16 mask = Mask(n - i);
    _mm512_mask_storeu_ps(dst + i, mask, Halves(_mm256_maskz_loadu_epi16(mask, src + 2 * i)));
  }
}

void DequantizeBf16_Avx512(const uint8_t* row, size_t first, float* dst, size_t n) {
  const uint8_t* src = row + 2 * first;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(dst + i,
                     Bfloats(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src + 2 * i))));
  }
  if (i < n) {
    const __mmask16 mask = Mask(n - i);
    _mm512_mask_storeu_ps(dst + i, mask, Bfloats(_mm256_maskz_loadu_epi16(mask, src + 2 * i)));
  }
}

void DequantizeQ8_Avx512(const uint8_t* row, size_t first, float* dst, size_t n) {
  const uint8_t* src = row + first / 32 * 34;
  for (size_t i = 0; i < n; i += 32, src += 34, dst += 32) {
    const __m512 d = Scale(src);
    const auto* q = reinterpret_cast<const __m128i*>(src + 2);
    const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(q)));
    const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(q + 1)));
    _mm512_storeu_ps(dst, _mm512_mul_ps(low, d));
    _mm512_storeu_ps(dst + 16, _mm512_mul_ps(high, d));
  }
}

void DequantizeQ4_Avx512(const uint8_t* row, size_t first, float* dst, size_t n) {
  const uint8_t* src = row + first / 32 * 18;
  const __m512i fifteen = _mm512_set1_epi32(15);
  const __m512i eight = _mm512_set1_epi32(8);
  for (size_t i = 0; i < n; i += 32, src += 18, dst += 32) {
    const __m512 d = Scale(src);
    const __m512i q =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src + 2)));
    const __m512i low = _mm512_sub_epi32(_mm512_and_si512(q, fifteen), eight);
    const __m512i high = _mm512_sub_epi32(_mm512_srli_epi32(q, 4), eight);
    _mm512_storeu_ps(dst, _mm512_mul_ps(_mm512_cvtepi32_ps(low), d));
    _mm512_storeu_ps(dst + 16, _mm512_mul_ps(_mm512_cvtepi32_ps(high), d));
  }
}

}  // namespace selvedge::kernels::x86
