#pragma once
// Dot products of quantized rows with one token. `Products` is the instruction: Add(sum, a, b) adds
// four sums of four products of signed bytes each, in any grouping. Anonymous namespace: as in
// block_values.h.

#include "core/kernels/arm/arm_kernels.h"
#include "core/kernels/arm/block_values.h"

namespace selvedge::kernels::arm {
namespace {

// Four rows side by side, each in a lane: y[0, rows), rows <= 4; absent rows repeat the last.
template <typename Products, typename Type>
void FourDots32(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                const QuantizedActivations& x, float* y) {
  const uint8_t* row[4];
  for (size_t i = 0; i < 4; ++i) row[i] = w + (i < rows ? i : rows - 1) * row_bytes;
  float32x4_t acc = vdupq_n_f32(0);
  for (size_t b = 0; b < k / 32; ++b) {
    const int8x16_t low = vld1q_s8(x.q + 32 * b), high = vld1q_s8(x.q + 32 * b + 16);
    int32x4_t s[4];
    float scales[4], mins[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      const uint8_t* block = row[i] + b * Type::kBytes;
      const int8x16x2_t q = Type::Load(block);
      s[i] = Products::Add(Products::Add(vdupq_n_s32(0), q.val[0], low), q.val[1], high);
      scales[i] = HalfAt(block);
      if constexpr (Type::kMinAt != 0) mins[i] = HalfAt(block + Type::kMinAt);
    }
    const int32x4_t sums = vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3]));
    const float32x4_t scale = vmulq_n_f32(vld1q_f32(scales), x.scales[b]);
    acc = vfmaq_f32(acc, vcvtq_f32_s32(sums), scale);
    if constexpr (Type::kMinAt != 0) {
      acc = vfmaq_n_f32(acc, vld1q_f32(mins), x.weighted_sums[b]);
    }
  }
  float out[4];
  vst1q_f32(out, acc);
  for (size_t i = 0; i < rows; ++i) y[i] = out[i];
}

template <typename Products, typename Type>
void DotRows32(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
               const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; r += 4) {
    const size_t n = rows - r < 4 ? rows - r : 4;
    FourDots32<Products, Type>(w + r * row_bytes, row_bytes, n, k, x, y + r);
  }
}

// A run's products times their two scales, of the four in `scales`.
template <typename Products, typename Type, int run>
int32x4_t AddRun(int32x4_t sum, const uint8_t* block, const int8_t* q, int32x4_t scales) {
  constexpr int kLane = 2 * run % 4;
  const uint8x16x2_t levels = Type::template Levels<run>(block);
  const int32x4_t zero = vdupq_n_s32(0);
  const int32x4_t first = Products::Add(zero, Signed(levels.val[0]), vld1q_s8(q + 32 * run));
  const int32x4_t last = Products::Add(zero, Signed(levels.val[1]), vld1q_s8(q + 32 * run + 16));
  return vmlaq_laneq_s32(vmlaq_laneq_s32(sum, first, scales, kLane), last, scales, kLane + 1);
}

// Products of a block with their scales, at most 63 * 128 * 127 * 256 < 2^31.
template <typename Products, typename Type>
int32_t BlockProducts(const uint8_t* block, const int8_t* q) {
  const int8x16_t scales = Type::Scales(block);
  const int16x8_t low = vmovl_s8(vget_low_s8(scales)), high = vmovl_high_s8(scales);
  int32x4_t even = vdupq_n_s32(0), odd = vdupq_n_s32(0);
  int32x4_t s = vmovl_s16(vget_low_s16(low));
  even = AddRun<Products, Type, 0>(even, block, q, s);
  odd = AddRun<Products, Type, 1>(odd, block, q, s);
  s = vmovl_high_s16(low);
  even = AddRun<Products, Type, 2>(even, block, q, s);
  odd = AddRun<Products, Type, 3>(odd, block, q, s);
  s = vmovl_s16(vget_low_s16(high));
  even = AddRun<Products, Type, 4>(even, block, q, s);
  odd = AddRun<Products, Type, 5>(odd, block, q, s);
  s = vmovl_high_s16(high);
  even = AddRun<Products, Type, 6>(even, block, q, s);
  odd = AddRun<Products, Type, 7>(odd, block, q, s);
  return vaddvq_s32(vaddq_s32(even, odd));
}

template <typename Type>
int32_t BlockBiases(const uint8_t* block, const int16_t* sums16) {
  const int16x8x2_t biases = Biases<Type>(block);
  int32x4_t sum = vdupq_n_s32(0);
  for (size_t h = 0; h < 2; ++h) {
    const int16x8_t sums = vld1q_s16(sums16 + 8 * h);
    sum = vmlal_s16(sum, vget_low_s16(biases.val[h]), vget_low_s16(sums));
    sum = vmlal_high_s16(sum, biases.val[h], sums);
  }
  return vaddvq_s32(sum);
}

template <typename Products, typename Type>
void DotRows256(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; ++r) {
    const uint8_t* block = w + r * row_bytes;
    float acc = 0;
    for (size_t b = 0; b < k / 256; ++b, block += Type::kBytes) {
      float d, dbias;
      BlockScales<Type>(block, &d, &dbias);
      const auto biases = static_cast<float>(BlockBiases<Type>(block, x.sums16 + 16 * b));
      const auto products = static_cast<float>(BlockProducts<Products, Type>(block, x.q + 256 * b));
      acc = __builtin_fmaf(biases, dbias * x.scales[b], acc);
      acc = __builtin_fmaf(products, d * x.scales[b], acc);
    }
    y[r] = acc;
  }
}

}  // namespace

#define SELVEDGE_DEFINE_DOT_ROWS(type, isa, dots)                                       \
  void DotRows##type##_##isa(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, \
                             const QuantizedActivations& x, float* y) {                 \
    dots<isa, type>(w, row_bytes, rows, k, x, y);                                       \
  }
#define SELVEDGE_DEFINE_ALL_DOT_ROWS(isa)          \
  SELVEDGE_DEFINE_DOT_ROWS(Q8_0, isa, DotRows32)   \
  SELVEDGE_DEFINE_DOT_ROWS(Q4_0, isa, DotRows32)   \
  SELVEDGE_DEFINE_DOT_ROWS(Q4_1, isa, DotRows32)   \
  SELVEDGE_DEFINE_DOT_ROWS(Q5_0, isa, DotRows32)   \
  SELVEDGE_DEFINE_DOT_ROWS(Q5_1, isa, DotRows32)   \
  SELVEDGE_DEFINE_DOT_ROWS(IQ4_NL, isa, DotRows32) \
  SELVEDGE_DEFINE_DOT_ROWS(Q2_K, isa, DotRows256)  \
  SELVEDGE_DEFINE_DOT_ROWS(Q3_K, isa, DotRows256)  \
  SELVEDGE_DEFINE_DOT_ROWS(Q4_K, isa, DotRows256)  \
  SELVEDGE_DEFINE_DOT_ROWS(Q5_K, isa, DotRows256)  \
  SELVEDGE_DEFINE_DOT_ROWS(Q6_K, isa, DotRows256)

}  // namespace selvedge::kernels::arm
