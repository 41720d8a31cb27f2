#include <arm_neon.h>

#include "core/kernels/arm/arm_kernels.h"

namespace selvedge::kernels::arm {
namespace {

// reference::NearestHalf
float NearestHalf(float exact) {
  const auto half = static_cast<float>(static_cast<__fp16>(exact));
  return __builtin_fabsf(half) <= 65504.0f ? half : exact;
}

// Largest magnitude of n values; NaN if one is not finite. n is a multiple of 4.
float LargestMagnitude(const float* x, size_t n) {
  float32x4_t largest = vdupq_n_f32(0);
  float32x4_t probe = vdupq_n_f32(0);  // 0 * x is NaN for NaN and infinity
  for (size_t i = 0; i < n; i += 4) {
    const float32x4_t v = vld1q_f32(x + i);
    largest = vmaxq_f32(largest, vabsq_f32(v));
    probe = vfmaq_f32(probe, v, vdupq_n_f32(0));
  }
  const bool finite = vminvq_u32(vceqq_f32(probe, probe)) != 0;
  return finite ? vmaxvq_f32(largest) : __builtin_nanf("");
}

// q[0..16) = x * inverse, rounded, ties to even; returns their sum.
int32_t Round16(const float* x, float inverse, int8_t* q) {
  int32x4_t r[4];
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) r[i] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * i), inverse));
  const int16x8_t low = vqmovn_high_s32(vqmovn_s32(r[0]), r[1]);
  const int16x8_t high = vqmovn_high_s32(vqmovn_s32(r[2]), r[3]);
  const int8x16_t bytes = vqmovn_high_s16(vqmovn_s16(low), high);
  vst1q_s8(q, bytes);
  return vaddlvq_s8(bytes);
}

// The value of largest magnitude with its sign, the first if there are several.
float SignedLargest(const float* x, float magnitude) {
  for (size_t i = 0; i < 256; ++i) {
    if (__builtin_fabsf(x[i]) == magnitude) return x[i];
  }
  return magnitude;
}

}  // namespace

void QuantizeActivations_Neon(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums,
                              float* weighted_sums) {
  for (size_t b = 0; b < n / 32; ++b, x += 32, q += 32) {
    const float largest = LargestMagnitude(x, 32);
    const float scale = largest / 127.0f;
    scales[b] = NearestHalf(scale);
    if (!(largest > 0)) {  // zeros, or not finite
      vst1q_s8(q, vdupq_n_s8(0));
      vst1q_s8(q + 16, vdupq_n_s8(0));
      sums[b] = 0;
    } else {
      const float inverse = 127.0f / largest;
      sums[b] = Round16(x, inverse, q) + Round16(x + 16, inverse, q + 16);
    }
    weighted_sums[b] = NearestHalf(scale * static_cast<float>(sums[b]));
  }
}

void QuantizeActivations256_Neon(const float* x, size_t n, int8_t* q, float* scales,
                                 int16_t* sums16) {
  for (size_t b = 0; b < n / 256; ++b, x += 256, q += 256, sums16 += 16) {
    const float largest = LargestMagnitude(x, 256);
    if (!(largest >= 1e-36f)) {  // not finite, or too small for an inverse
      scales[b] = largest != largest ? largest : 0;
      __builtin_memset(q, 0, 256);
      __builtin_memset(sums16, 0, 16 * sizeof *sums16);
      continue;
    }
    const float inverse = -127.0f / SignedLargest(x, largest);
    scales[b] = 1.0f / inverse;
    for (size_t i = 0; i < 16; ++i) {
      sums16[i] = static_cast<int16_t>(Round16(x + 16 * i, inverse, q + 16 * i));
    }
  }
}

}  // namespace selvedge::kernels::arm
