#include <arm_neon.h>

#include "core/kernels/arm/arm_kernels.h"
#include "core/kernels/arm/block_values.h"

namespace selvedge::kernels::arm {
namespace {

float16x4_t Halves(const uint8_t* p) { return vreinterpret_f16_u8(vld1_u8(p)); }
float32x4_t Rounded(float32x4_t v) { return vcvt_f32_f16(vcvt_f16_f32(v)); }
float Rounded(float v) { return static_cast<float>(static_cast<__fp16>(v)); }

// Columns [first, first + 4 * Lanes) of all rows: the sums wait for one another row by row, so
// several registers at a time hide the latency.
template <size_t Lanes>
void AddColumns(const HalfRows& rows, size_t first, const float* shrink, const float* weight,
                float* sum) {
  float32x4_t acc[Lanes];
#pragma GCC unroll 16
  for (size_t l = 0; l < Lanes; ++l) acc[l] = vld1q_f32(sum + first + 4 * l);
  const uint8_t* row = rows.data + 2 * first;
  for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
    if (shrink[i] != 1.0f) {
#pragma GCC unroll 16
      for (size_t l = 0; l < Lanes; ++l) acc[l] = Rounded(vmulq_n_f32(acc[l], shrink[i]));
    }
#pragma GCC unroll 16
    for (size_t l = 0; l < Lanes; ++l) {
      acc[l] = Rounded(vfmaq_n_f32(acc[l], vcvt_f32_f16(Halves(row + 8 * l)), weight[i]));
    }
  }
#pragma GCC unroll 16
  for (size_t l = 0; l < Lanes; ++l) vst1q_f32(sum + first + 4 * l, acc[l]);
}

// The columns that do not fill a register.
void AddColumn(const HalfRows& rows, size_t column, const float* shrink, const float* weight,
               float* sum) {
  const uint8_t* row = rows.data + 2 * column;
  for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
    sum[column] = Rounded(sum[column] * shrink[i]);
    sum[column] = Rounded(__builtin_fmaf(weight[i], HalfAt(row), sum[column]));
  }
}

}  // namespace

void RoundToHalf_Neon(const float* x, uint16_t* out, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
  }
  for (; i < n; ++i) {
    const auto half = static_cast<__fp16>(x[i]);
    __builtin_memcpy(out + i, &half, sizeof half);
  }
}

void DotRowsHalf_Neon(const HalfRows& rows, const float* x, float* y) {
  const uint8_t* row = rows.data;
  for (size_t r = 0; r < rows.rows; ++r, row += rows.row_bytes) {
    float64x2_t low = vdupq_n_f64(0), high = vdupq_n_f64(0);
    size_t i = 0;
    for (; i + 4 <= rows.cols; i += 4) {
      // The product of two halves is exact in f32.
      const float32x4_t product = vmulq_f32(vcvt_f32_f16(Halves(row + 2 * i)), vld1q_f32(x + i));
      low = vaddq_f64(low, vcvt_f64_f32(vget_low_f32(product)));
      high = vaddq_f64(high, vcvt_high_f64_f32(product));
    }
    double sum = vaddvq_f64(vaddq_f64(low, high));
    for (; i < rows.cols; ++i) sum += double{HalfAt(row + 2 * i)} * x[i];
    y[r] = static_cast<float>(sum);
  }
}

void AddRowsHalf_Neon(const HalfRows& rows, const float* shrink, const float* weight, float* sum) {
  size_t i = 0;
  for (; i + 64 <= rows.cols; i += 64) AddColumns<16>(rows, i, shrink, weight, sum);
  for (; i + 4 <= rows.cols; i += 4) AddColumns<1>(rows, i, shrink, weight, sum);
  for (; i < rows.cols; ++i) AddColumn(rows, i, shrink, weight, sum);
}

void WeighRowsHalf_Neon(const HalfRows& rows, const float* weight, float* sum) {
  size_t j = 0;
  for (; j + 4 <= rows.cols; j += 4) {
    float32x4_t acc = vld1q_f32(sum + j);
    const uint8_t* row = rows.data + 2 * j;
    for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
      acc = vfmaq_n_f32(acc, vcvt_f32_f16(Halves(row)), weight[i]);
    }
    vst1q_f32(sum + j, acc);
  }
  for (; j < rows.cols; ++j) {
    const uint8_t* row = rows.data + 2 * j;
    for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
      sum[j] = __builtin_fmaf(weight[i], HalfAt(row), sum[j]);
    }
  }
}

}  // namespace selvedge::kernels::arm
