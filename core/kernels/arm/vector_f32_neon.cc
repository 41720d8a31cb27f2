#include <arm_neon.h>

#include "core/kernels/arm/arm_kernels.h"

namespace selvedge::kernels::arm {
namespace {

// The polynomial of the other instruction sets (x86/vector_f32_avx512.cc). 2^n is applied in two
// halves, so that neither leaves the exponent's range and results below the normal range round as
// they should. NaN stays NaN.
float32x4_t Exp(float32x4_t x) {
  x = vminq_f32(vdupq_n_f32(89.0f), vmaxq_f32(vdupq_n_f32(-104.0f), x));
  const float32x4_t n = vrndnq_f32(vmulq_n_f32(x, 0x1.715476p+0f));
  float32x4_t r = vfmsq_n_f32(x, n, 0x1.62e4p-1f);  // high part of ln 2, exact
  r = vfmsq_n_f32(r, n, 0x1.7f7d1cp-20f);
  const float32x4_t r2 = vmulq_f32(r, r);
  const float32x4_t low = vfmaq_n_f32(vdupq_n_f32(1.0f), r, 0x1.ffffecp-1f);
  const float32x4_t mid = vfmaq_n_f32(vdupq_n_f32(0x1.fffdb6p-2f), r, 0x1.555e66p-3f);
  const float32x4_t high = vfmaq_n_f32(vdupq_n_f32(0x1.573e2ep-5f), r, 0x1.0e4020p-7f);
  const float32x4_t p = vfmaq_f32(low, vfmaq_f32(mid, high, r2), r2);
  const int32x4_t exponent = vcvtq_s32_f32(n);
  const int32x4_t first = vshrq_n_s32(exponent, 1);
  const int32x4_t second = vsubq_s32(exponent, first);
  const int32x4_t bias = vdupq_n_s32(127);
  const float32x4_t pow1 = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(first, bias), 23));
  const float32x4_t pow2 = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(second, bias), 23));
  return vmulq_f32(vmulq_f32(p, pow1), pow2);
}

// Up to four values; absent ones are `fill`.
float32x4_t LoadUpTo4(const float* p, size_t n, float fill) {
  if (n >= 4) return vld1q_f32(p);
  float values[4] = {fill, fill, fill, fill};
  for (size_t i = 0; i < n; ++i) values[i] = p[i];
  return vld1q_f32(values);
}

void StoreUpTo4(float* p, size_t n, float32x4_t v) {
  if (n >= 4) return vst1q_f32(p, v);
  float values[4];
  vst1q_f32(values, v);
  for (size_t i = 0; i < n; ++i) p[i] = values[i];
}

}  // namespace

float Dot_Neon(const float* a, const float* b, size_t n) {
  float32x4_t s[4];
  for (float32x4_t& v : s) v = vdupq_n_f32(0);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; ++j) {
      s[j] = vfmaq_f32(s[j], vld1q_f32(a + i + 4 * j), vld1q_f32(b + i + 4 * j));
    }
  }
  for (; i < n; i += 4) {
    s[0] = vfmaq_f32(s[0], LoadUpTo4(a + i, n - i, 0), LoadUpTo4(b + i, n - i, 0));
  }
  return vaddvq_f32(vaddq_f32(vaddq_f32(s[0], s[1]), vaddq_f32(s[2], s[3])));
}

void Axpy_Neon(float alpha, const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; i += 4) {
    const float32x4_t v = LoadUpTo4(y + i, n - i, 0);
    StoreUpTo4(y + i, n - i, vfmaq_n_f32(v, LoadUpTo4(x + i, n - i, 0), alpha));
  }
}

void RmsNormRow_Neon(const float* x, const float* weight, float eps, size_t n, float* out) {
  float64x2_t low = vdupq_n_f64(0), high = vdupq_n_f64(0);
  for (size_t i = 0; i < n; i += 4) {
    const float32x4_t v = LoadUpTo4(x + i, n - i, 0);
    const float32x4_t square = vmulq_f32(v, v);
    low = vaddq_f64(low, vcvt_f64_f32(vget_low_f32(square)));
    high = vaddq_f64(high, vcvt_high_f64_f32(square));
  }
  const double sum = vaddvq_f64(vaddq_f64(low, high));
  const auto mean_square = static_cast<float>(sum / static_cast<double>(n));
  const float scale = 1.0f / __builtin_sqrtf(mean_square + eps);
  for (size_t i = 0; i < n; i += 4) {
    const float32x4_t v = vmulq_n_f32(LoadUpTo4(x + i, n - i, 0), scale);
    StoreUpTo4(out + i, n - i, vmulq_f32(v, LoadUpTo4(weight + i, n - i, 0)));
  }
}

void SiluMul_Neon(const float* gate, const float* up, size_t n, float* out) {
  for (size_t i = 0; i < n; i += 4) {
    const float32x4_t g = LoadUpTo4(gate + i, n - i, 0), u = LoadUpTo4(up + i, n - i, 0);
    const float32x4_t denominator = vaddq_f32(vdupq_n_f32(1.0f), Exp(vnegq_f32(g)));
    StoreUpTo4(out + i, n - i, vmulq_f32(vdivq_f32(g, denominator), u));
  }
}

// Sums of 4 are added up in double precision.
double ExpMinus_Neon(float* x, size_t n, float max) {
  double sum = 0;
  for (size_t i = 0; i < n; i += 4) {
    const float32x4_t v = LoadUpTo4(x + i, n - i, -__builtin_inff());
    const float32x4_t e = Exp(vsubq_f32(v, vdupq_n_f32(max)));
    StoreUpTo4(x + i, n - i, e);
    sum += double{vaddvq_f32(e)};
  }
  return sum;
}

void Softmax_Neon(float* x, size_t n) {
  if (n == 0) return;
  float32x4_t top = vdupq_n_f32(x[0]);
  for (size_t i = 0; i < n; i += 4) top = vmaxnmq_f32(top, LoadUpTo4(x + i, n - i, x[0]));
  const float32x4_t largest = vdupq_n_f32(vmaxnmvq_f32(top));
  float32x4_t sum = vdupq_n_f32(0);
  for (size_t i = 0; i < n; i += 4) {
    const float32x4_t e = Exp(vsubq_f32(LoadUpTo4(x + i, n - i, -__builtin_inff()), largest));
    sum = vaddq_f32(sum, e);
    StoreUpTo4(x + i, n - i, e);
  }
  const float scale = 1.0f / vaddvq_f32(sum);
  for (size_t i = 0; i < n; i += 4) {
    StoreUpTo4(x + i, n - i, vmulq_n_f32(LoadUpTo4(x + i, n - i, 0), scale));
  }
}

void RopeHead_Neon(float* x, size_t rot, const float* cos, const float* sin, bool interleaved) {
  const size_t half = rot / 2;
  size_t i = 0;
  for (; i + 4 <= half; i += 4) {
    const float32x4_t c = vld1q_f32(cos + i), s = vld1q_f32(sin + i);
    float32x4x2_t v = {vld1q_f32(x + i), vld1q_f32(x + half + i)};
    if (interleaved) v = vld2q_f32(x + 2 * i);
    const float32x4_t a = vnegq_f32(vfmsq_f32(vmulq_f32(v.val[1], s), v.val[0], c));  // a c - (b s)
    const float32x4_t b = vfmaq_f32(vmulq_f32(v.val[1], c), v.val[0], s);
    if (interleaved) {
      vst2q_f32(x + 2 * i, {a, b});
    } else {
      vst1q_f32(x + i, a);
      vst1q_f32(x + half + i, b);
    }
  }
  for (; i < half; ++i) {
    float* first = interleaved ? x + 2 * i : x + i;
    float* second = interleaved ? first + 1 : first + half;
    const float a = *first, b = *second;
    *first = __builtin_fmaf(a, cos[i], -(b * sin[i]));
    *second = __builtin_fmaf(a, sin[i], b * cos[i]);
  }
}

}  // namespace selvedge::kernels::arm
