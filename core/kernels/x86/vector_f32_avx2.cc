#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

// As in vector_f32_avx512.cc. 2^n is applied in two halves, so that neither leaves the exponent's
// range and results below the normal range round as they should.
__m256 Exp(__m256 x) {
  x = _mm256_min_ps(_mm256_set1_ps(89.0f), _mm256_max_ps(_mm256_set1_ps(-104.0f), x));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p+0f)), 0);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.62e4p-1f), x);  // high part of ln 2, exact
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.7f7d1cp-20f), r);
  const __m256 r2 = _mm256_mul_ps(r, r);
  const __m256 low = _mm256_fmadd_ps(_mm256_set1_ps(0x1.ffffecp-1f), r, _mm256_set1_ps(1.0f));
  const __m256 mid =
      _mm256_fmadd_ps(_mm256_set1_ps(0x1.555e66p-3f), r, _mm256_set1_ps(0x1.fffdb6p-2f));
  const __m256 high =
      _mm256_fmadd_ps(_mm256_set1_ps(0x1.0e4020p-7f), r, _mm256_set1_ps(0x1.573e2ep-5f));
  const __m256 p = _mm256_fmadd_ps(_mm256_fmadd_ps(high, r2, mid), r2, low);
  const __m256i exponent = _mm256_cvtps_epi32(n);
  const __m256i first = _mm256_srai_epi32(exponent, 1);
  const __m256i second = _mm256_sub_epi32(exponent, first);
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i pow1 = _mm256_slli_epi32(_mm256_add_epi32(first, bias), 23);
  const __m256i pow2 = _mm256_slli_epi32(_mm256_add_epi32(second, bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(pow1)), _mm256_castsi256_ps(pow2));
}

__m256 Silu(__m256 gate, __m256 up) {
  const __m256 denominator =
      _mm256_add_ps(_mm256_set1_ps(1.0f), Exp(_mm256_sub_ps(_mm256_setzero_ps(), gate)));
  return _mm256_mul_ps(_mm256_div_ps(gate, denominator), up);
}

__m256i TailMask(size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? static_cast<int>(n) : 8), lane);
}

float Sum(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

}  // namespace

float Dot_Avx2(const float* a, const float* b, size_t n) {
  __m256 s[4];
  for (__m256& v : s) v = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      s[j] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8 * j), _mm256_loadu_ps(b + i + 8 * j), s[j]);
    }
  }
  for (; i < n; i += 8) {
    const __m256i mask = TailMask(n - i);
    s[0] = _mm256_fmadd_ps(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask), s[0]);
  }
  return Sum(_mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3])));
}

void Axpy_Avx2(float alpha, const float* x, float* y, size_t n) {
  const __m256 a = _mm256_set1_ps(alpha);
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = TailMask(n - i);
    _mm256_maskstore_ps(
        y + i, mask,
        _mm256_fmadd_ps(a, _mm256_maskload_ps(x + i, mask), _mm256_maskload_ps(y + i, mask)));
  }
}

void RmsNormRow_Avx2(const float* x, const float* weight, float eps, size_t n, float* out) {
  __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
  for (size_t i = 0; i < n; i += 8) {
    const __m256 v = _mm256_maskload_ps(x + i, TailMask(n - i));
    const __m256 square = _mm256_mul_ps(v, v);
    low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(square)));
    high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(square, 1)));
  }
  double lanes[4];
  _mm256_storeu_pd(lanes, _mm256_add_pd(low, high));
  const double sum = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  const float mean_square = static_cast<float>(sum / static_cast<double>(n));
  const __m256 scale = _mm256_set1_ps(1.0f / __builtin_sqrtf(mean_square + eps));
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = TailMask(n - i);
    const __m256 v = _mm256_mul_ps(_mm256_maskload_ps(x + i, mask), scale);
    _mm256_maskstore_ps(out + i, mask, _mm256_mul_ps(v, _mm256_maskload_ps(weight + i, mask)));
  }
}

void SiluMul_Avx2(const float* gate, const float* up, size_t n, float* out) {
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = TailMask(n - i);
    _mm256_maskstore_ps(out + i, mask,
                        Silu(_mm256_maskload_ps(gate + i, mask), _mm256_maskload_ps(up + i, mask)));
  }
}

// Sums of 8 are added up in double precision, as in ggml_vec_soft_max_f32.
double ExpMinus_Avx2(float* x, size_t n, float max) {
  double sum = 0;
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = TailMask(n - i);
    const __m256 v = _mm256_sub_ps(_mm256_maskload_ps(x + i, mask), _mm256_set1_ps(max));
    const __m256 e = _mm256_and_ps(Exp(v), _mm256_castsi256_ps(mask));
    _mm256_maskstore_ps(x + i, mask, e);
    sum += double{Sum(e)};
  }
  return sum;
}

void Softmax_Avx2(float* x, size_t n) {
  if (n == 0) return;
  float largest = x[0];
  __m256 top = _mm256_set1_ps(largest);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) top = _mm256_max_ps(top, _mm256_loadu_ps(x + i));
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, top);
  for (const float lane : lanes) largest = lane > largest ? lane : largest;
  for (; i < n; ++i) largest = x[i] > largest ? x[i] : largest;

  const __m256 shift = _mm256_set1_ps(largest);
  __m256 sum = _mm256_setzero_ps();
  for (i = 0; i < n; i += 8) {
    const __m256i mask = TailMask(n - i);
    const __m256 e = Exp(_mm256_sub_ps(_mm256_maskload_ps(x + i, mask), shift));
    sum = _mm256_add_ps(sum, _mm256_and_ps(e, _mm256_castsi256_ps(mask)));
    _mm256_maskstore_ps(x + i, mask, e);
  }
  const __m256 scale = _mm256_set1_ps(1.0f / Sum(sum));
  for (i = 0; i < n; i += 8) {
    const __m256i mask = TailMask(n - i);
    _mm256_maskstore_ps(x + i, mask, _mm256_mul_ps(_mm256_maskload_ps(x + i, mask), scale));
  }
}

void RopeHead_Avx2(float* x, size_t rot, const float* cos, const float* sin, bool interleaved) {
  const size_t half = rot / 2;
  if (!interleaved) {
    for (size_t i = 0; i < half; i += 8) {
      const __m256i mask = TailMask(half - i);
      const __m256 c = _mm256_maskload_ps(cos + i, mask);
      const __m256 s = _mm256_maskload_ps(sin + i, mask);
      const __m256 a = _mm256_maskload_ps(x + i, mask);
      const __m256 b = _mm256_maskload_ps(x + half + i, mask);
      _mm256_maskstore_ps(x + i, mask, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
      _mm256_maskstore_ps(x + half + i, mask, _mm256_fmadd_ps(a, s, _mm256_mul_ps(b, c)));
    }
    return;
  }
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  for (size_t i = 0; i < half; i += 4) {  // 4 pairs
    const size_t pairs = half - i < 4 ? half - i : 4;
    const __m256i mask = TailMask(2 * pairs);
    const __m256i angles = TailMask(pairs);
    const __m256 c = _mm256_permutevar8x32_ps(_mm256_maskload_ps(cos + i, angles), twice);
    const __m256 s = _mm256_permutevar8x32_ps(_mm256_maskload_ps(sin + i, angles), twice);
    const __m256 v = _mm256_maskload_ps(x + 2 * i, mask);
    // Even lanes: a c - (b s); odd lanes: a s + (b c). Which product is rounded is as in ggml.
    const __m256 b = _mm256_mul_ps(_mm256_movehdup_ps(v), _mm256_blend_ps(s, c, 0xAA));
    const __m256 turned = _mm256_fmaddsub_ps(_mm256_moveldup_ps(v), _mm256_blend_ps(c, s, 0xAA), b);
    _mm256_maskstore_ps(x + 2 * i, mask, turned);
  }
}

}  // namespace selvedge::kernels::x86
