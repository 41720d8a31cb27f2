#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

// The value of largest magnitude (the first of equals), or NaN if a value is not finite.
float SignedLargest(const float* x) {
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
  __m256 largest = _mm256_setzero_ps();
  __m256 probe = _mm256_setzero_ps();  // 0 * x is NaN for NaN and infinity
  for (int i = 0; i < 256; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    largest = _mm256_max_ps(largest, _mm256_and_ps(v, magnitude));
    probe = _mm256_fmadd_ps(v, _mm256_setzero_ps(), probe);
  }
  if (_mm256_movemask_ps(_mm256_cmp_ps(probe, probe, _CMP_UNORD_Q)) != 0) {
    return __builtin_nanf("");
  }
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(largest), _mm256_extractf128_ps(largest, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  const __m256 amax = _mm256_broadcastss_ps(_mm_max_ss(m, _mm_movehdup_ps(m)));
  for (int i = 0; i < 256; i += 8) {
    const __m256 v = _mm256_and_ps(_mm256_loadu_ps(x + i), magnitude);
    const int hits = _mm256_movemask_ps(_mm256_cmp_ps(v, amax, _CMP_EQ_OQ));
    if (hits != 0) return x[i + __builtin_ctz(static_cast<unsigned>(hits))];
  }
  return 0;
}

// 32 values and the sums of their halves.
void Round32(const float* x, __m256 inverse, int8_t* q, int16_t* sums) {
  __m256i r[4];
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), inverse));
  }
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);  // undoes the packs' lanes
  const __m256i bytes = _mm256_permutevar8x32_epi32(
      _mm256_packs_epi16(_mm256_packs_epi32(r[0], r[1]), _mm256_packs_epi32(r[2], r[3])), order);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), bytes);
  // Sums of 8 unsigned bytes q + 128.
  const __m256i sum8 =
      _mm256_sad_epu8(_mm256_xor_si256(bytes, _mm256_set1_epi8(-128)), _mm256_setzero_si256());
  const __m256i sum16 = _mm256_add_epi64(sum8, _mm256_unpackhi_epi64(sum8, sum8));
  sums[0] = static_cast<int16_t>(_mm256_extract_epi16(sum16, 0) - 16 * 128);
  sums[1] = static_cast<int16_t>(_mm256_extract_epi16(sum16, 8) - 16 * 128);
}

}  // namespace

void QuantizeActivations256_Avx2(const float* x, size_t n, int8_t* q, float* scales,
                                 int16_t* sums16) {
  for (size_t b = 0; b < n / 256; ++b, x += 256, q += 256, sums16 += 16) {
    const float largest = SignedLargest(x);
    if (!(__builtin_fabsf(largest) >= 1e-36f)) {  // NaN, or too small for an inverse
      scales[b] = largest != largest ? largest : 0;
      for (int i = 0; i < 256; ++i) q[i] = 0;
      for (int i = 0; i < 16; ++i) sums16[i] = 0;
      continue;
    }
    const float inverse = -127.0f / largest;
    scales[b] = 1.0f / inverse;
    for (int i = 0; i < 256; i += 32) {
      Round32(x + i, _mm256_set1_ps(inverse), q + i, sums16 + i / 16);
    }
  }
}

}  // namespace selvedge::kernels::x86
