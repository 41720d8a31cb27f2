#include <arm_neon.h>

#include "core/kernels/arm/arm_kernels.h"

namespace selvedge::kernels::arm {
namespace {

constexpr int kTileRows = 6;  // 6 x 4 accumulators + 4 of b + 1 of a = 29 of 32 registers
constexpr int kTileCols = 16;

template <int Rows>
void Tile(size_t k, const float* a, const float* b, float* c, size_t ldc, bool add) {
  float32x4_t acc[Rows][4];
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) acc[i][j] = vdupq_n_f32(0);
  }
  for (size_t p = 0; p < k; ++p, b += kTileCols, ++a) {
    float32x4_t bp[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) bp[j] = vld1q_f32(b + 4 * j);
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      const float ai = a[i * kPanelStride];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) acc[i][j] = vfmaq_n_f32(acc[i][j], bp[j], ai);
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    float* out = c + i * ldc;
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      if (add) acc[i][j] = vaddq_f32(vld1q_f32(out + 4 * j), acc[i][j]);
      vst1q_f32(out + 4 * j, acc[i][j]);
    }
  }
}

using TileFn = void (*)(size_t, const float*, const float*, float*, size_t, bool);
constexpr TileFn kTiles[kTileRows + 1] = {nullptr, Tile<1>, Tile<2>, Tile<3>,
                                          Tile<4>, Tile<5>, Tile<6>};

float32x4_t LowHalves(float32x4_t a, float32x4_t b) {
  return vcombine_f32(vget_low_f32(a), vget_low_f32(b));
}
float32x4_t HighHalves(float32x4_t a, float32x4_t b) {
  return vcombine_f32(vget_high_f32(a), vget_high_f32(b));
}

void Transpose4(const float* src, float* dst) {
  float32x4_t r[4];
  for (int i = 0; i < 4; ++i) r[i] = vld1q_f32(src + i * kPanelStride);
  const float32x4x2_t t0 = vtrnq_f32(r[0], r[1]), t1 = vtrnq_f32(r[2], r[3]);
  vst1q_f32(dst, LowHalves(t0.val[0], t1.val[0]));
  vst1q_f32(dst + kTileCols, LowHalves(t0.val[1], t1.val[1]));
  vst1q_f32(dst + 2 * kTileCols, HighHalves(t0.val[0], t1.val[0]));
  vst1q_f32(dst + 3 * kTileCols, HighHalves(t0.val[1], t1.val[1]));
}

}  // namespace

void GemmTile_Neon(size_t rows, size_t k, const float* a, const float* b, float* c, size_t ldc,
                   bool add) {
  kTiles[rows](k, a, b, c, ldc, add);
}

void TransposePanel_Neon(const float* src, size_t k, float* dst) {
  size_t p = 0;
  for (; p + 4 <= k; p += 4) {
    for (int i = 0; i < kTileCols; i += 4) {
      Transpose4(src + i * kPanelStride + p, dst + p * kTileCols + i);
    }
  }
  for (; p < k; ++p) {
    for (int i = 0; i < kTileCols; ++i) dst[p * kTileCols + i] = src[i * kPanelStride + p];
  }
}

}  // namespace selvedge::kernels::arm
