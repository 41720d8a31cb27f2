#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__mmask16 Mask(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }

// e^x = 2^n * e^r with |r| <= ln(2)/2; Taylor to r^7 (truncation below 6e-9 relative). Beyond
// [-104, 89] the result is 0 or infinity anyway; NaN stays NaN (the second operand of min and max).
__m512 Exp(__m512 x) {
  x = _mm512_min_ps(_mm512_set1_ps(89.0f), _mm512_max_ps(_mm512_set1_ps(-104.0f), x));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);  // high part of ln 2, exact
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.0f / 5040);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 720));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
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
  const float mean_square = Dot_Avx512(x, x, n) / static_cast<float>(n);
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
    const __m512 swapped = _mm512_permute_ps(v, 0xB1);
    // Even lanes: v c - swapped s; odd lanes: v c + swapped s.
    _mm512_mask_storeu_ps(x + 2 * i, mask, _mm512_fmaddsub_ps(v, c, _mm512_mul_ps(swapped, s)));
  }
}

}  // namespace selvedge::kernels::x86
