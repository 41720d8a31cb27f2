#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__mmask16 Mask(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }

// e^x = 2^n * e^r with |r| <= ln(2)/2, off by at most 2 units of the last place. The polynomial is
// that of expf in Arm's Optimized Routines, which ggml uses too. Beyond [-104, 89] the result is 0
// or infinity anyway; NaN stays NaN (the second operand of min and max).
__m512 Exp(__m512 x) {
  x = _mm512_min_ps(_mm512_set1_ps(89.0f), _mm512_max_ps(_mm512_set1_ps(-104.0f), x));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e4p-1f), x);  // high part of ln 2, exact
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.7f7d1cp-20f), r);
  const __m512 r2 = _mm512_mul_ps(r, r);
  const __m512 low = _mm512_fmadd_ps(_mm512_set1_ps(0x1.ffffecp-1f), r, _mm512_set1_ps(1.0f));
  const __m512 mid =
      _mm512_fmadd_ps(_mm512_set1_ps(0x1.555e66p-3f), r, _mm512_set1_ps(0x1.fffdb6p-2f));
  const __m512 high =
      _mm512_fmadd_ps(_mm512_set1_ps(0x1.0e4020p-7f), r, _mm512_set1_ps(0x1.573e2ep-5f));
  const __m512 p = _mm512_fmadd_ps(_mm512_fmadd_ps(high, r2, mid), r2, low);
  return _mm512_scalef_ps(p, n);
}

__m512 Silu(__m512 gate, __m512 up) {
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 denominator = _mm512_add_ps(one, Exp(_mm512_sub_ps(_mm512_setzero_ps(), gate)));
  return _mm512_mul_ps(_mm512_div_ps(gate, denominator), up);
}

}  // namespace

float Dot_Avx512(const float* a, const float* b, size_t n) {
  __m512 s[4];
  for (__m512& v : s) v = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      s[j] =
          _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16 * j), _mm512_loadu_ps(b + i + 16 * j), s[j]);
    }
  }
  for (; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    s[0] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i),
                           s[0]);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3])));
}

void Axpy_Avx512(float alpha, const float* x, float* y, size_t n) {
  const __m512 a = _mm512_set1_ps(alpha);
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    const __m512 sum =
        _mm512_fmadd_ps(a, _mm512_maskz_loadu_ps(mask, x + i), _mm512_maskz_loadu_ps(mask, y + i));
    _mm512_mask_storeu_ps(y + i, mask, sum);
  }
}

void RmsNormRow_Avx512(const float* x, const float* weight, float eps, size_t n, float* out) {
  __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    const __m512 v = _mm512_maskz_loadu_ps(mask, x + i);
    const __m512 square = _mm512_mul_ps(v, v);
    low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(square)));
    high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(square, 1)));
  }
  const double sum = _mm512_reduce_add_pd(_mm512_add_pd(low, high));
  const float mean_square = static_cast<float>(sum / static_cast<double>(n));
  const __m512 scale = _mm512_set1_ps(1.0f / __builtin_sqrtf(mean_square + eps));
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), scale);
    _mm512_mask_storeu_ps(out + i, mask, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(mask, weight + i)));
  }
}

void SiluMul_Avx512(const float* gate, const float* up, size_t n, float* out) {
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    _mm512_mask_storeu_ps(
        out + i, mask,
        Silu(_mm512_maskz_loadu_ps(mask, gate + i), _mm512_maskz_loadu_ps(mask, up + i)));
  }
}

// Sums of 16 are added up in double precision, as in ggml_vec_soft_max_f32.
double ExpMinus_Avx512(float* x, size_t n, float max) {
  double sum = 0;
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    const __m512 v = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), _mm512_set1_ps(max));
    const __m512 e = _mm512_maskz_mov_ps(mask, Exp(v));
    _mm512_mask_storeu_ps(x + i, mask, e);
    sum += double{_mm512_reduce_add_ps(e)};
  }
  return sum;
}

void Softmax_Avx512(float* x, size_t n) {
  if (n == 0) return;
  __m512 top = _mm512_set1_ps(x[0]);
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    top = _mm512_mask_max_ps(top, mask, top, _mm512_maskz_loadu_ps(mask, x + i));
  }
  const __m512 largest = _mm512_set1_ps(_mm512_reduce_max_ps(top));
  __m512 sum = _mm512_setzero_ps();
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    const __m512 e = Exp(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), largest));
    sum = _mm512_mask_add_ps(sum, mask, sum, e);
    _mm512_mask_storeu_ps(x + i, mask, e);
  }
  const __m512 scale = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(sum));
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    _mm512_mask_storeu_ps(x + i, mask, _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), scale));
  }
}

void RopeHead_Avx512(float* x, size_t rot, const float* cos, const float* sin, bool interleaved) {
  const size_t half = rot / 2;
  if (!interleaved) {
    for (size_t i = 0; i < half; i += 16) {
      const __mmask16 mask = half - i < 16 ? Mask(half - i) : __mmask16{0xFFFF};
      const __m512 c = _mm512_maskz_loadu_ps(mask, cos + i);
      const __m512 s = _mm512_maskz_loadu_ps(mask, sin + i);
      const __m512 a = _mm512_maskz_loadu_ps(mask, x + i);
      const __m512 b = _mm512_maskz_loadu_ps(mask, x + half + i);
      _mm512_mask_storeu_ps(x + i, mask, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
      _mm512_mask_storeu_ps(x + half + i, mask, _mm512_fmadd_ps(a, s, _mm512_mul_ps(b, c)));
    }
    return;
  }
  const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  for (size_t i = 0; i < half; i += 8) {  // 8 pairs
    const size_t pairs = half - i < 8 ? half - i : 8;
    const __mmask16 mask = Mask(2 * pairs);
    const __mmask16 angles = Mask(pairs);
    const __m512 c = _mm512_permutexvar_ps(twice, _mm512_maskz_loadu_ps(angles, cos + i));
    const __m512 s = _mm512_permutexvar_ps(twice, _mm512_maskz_loadu_ps(angles, sin + i));
    const __m512 v = _mm512_maskz_loadu_ps(mask, x + 2 * i);
    // Even lanes: a c - (b s); odd lanes: a s + (b c). Which product is rounded is as in ggml.
    const __m512 b = _mm512_mul_ps(_mm512_movehdup_ps(v), _mm512_mask_blend_ps(0xAAAA, s, c));
    const __m512 turned =
        _mm512_fmaddsub_ps(_mm512_moveldup_ps(v), _mm512_mask_blend_ps(0xAAAA, c, s), b);
    _mm512_mask_storeu_ps(x + 2 * i, mask, turned);
  }
}

}  // namespace selvedge::kernels::x86
