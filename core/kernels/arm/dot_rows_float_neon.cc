#include "core/kernels/arm/arm_kernels.h"
#include "core/kernels/arm/float_values.h"

namespace selvedge::kernels::arm {
namespace {

constexpr size_t kRows = 4;

template <typename Type, size_t Rows>
void Dots(const uint8_t* w, size_t row_bytes, size_t k, const float* x, float* y) {
  float32x4_t acc[Rows][2];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) acc[r][0] = acc[r][1] = vdupq_n_f32(0);
  size_t i = 0;
  for (; i + 8 <= k; i += 8) {
    const float32x4_t x0 = vld1q_f32(x + i), x1 = vld1q_f32(x + i + 4);
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      const uint8_t* p = w + r * row_bytes + i * Type::kBytes;
      acc[r][0] = vfmaq_f32(acc[r][0], Type::Load(p), x0);
      acc[r][1] = vfmaq_f32(acc[r][1], Type::Load(p + 4 * Type::kBytes), x1);
    }
  }
  for (; i < k; i += 4) {
    const size_t n = k - i < 4 ? k - i : 4;
    const float32x4_t xs = LoadTail<F32>(reinterpret_cast<const uint8_t*>(x + i), n);
    for (size_t r = 0; r < Rows; ++r) {
      acc[r][0] = vfmaq_f32(acc[r][0], LoadTail<Type>(w + r * row_bytes + i * Type::kBytes, n), xs);
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) y[r] = vaddvq_f32(vaddq_f32(acc[r][0], acc[r][1]));
}

template <typename Type>
void DotRows(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x, float* y) {
  size_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    Dots<Type, kRows>(w + r * row_bytes, row_bytes, k, x, y + r);
  for (; r < rows; ++r) Dots<Type, 1>(w + r * row_bytes, row_bytes, k, x, y + r);
}

}  // namespace

void DotRowsF32_Neon(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                     float* y) {
  DotRows<F32>(w, row_bytes, rows, k, x, y);
}

void DotRowsF16_Neon(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                     float* y) {
  DotRows<F16>(w, row_bytes, rows, k, x, y);
}

void DotRowsBf16_Neon(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                      float* y) {
  DotRows<Bf16>(w, row_bytes, rows, k, x, y);
}

}  // namespace selvedge::kernels::arm
