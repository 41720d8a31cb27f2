#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr int kTileRows = 6;  // 6 x 2 accumulators + 2 of b + 1 of a = 15 of 16 registers
constexpr int kTileCols = 16;

template <int Rows>
void Tile(size_t k, const float* a, const float* b, float* c, size_t ldc, bool add) {
  __m256 acc[Rows][2];
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    acc[i][0] = acc[i][1] = _mm256_setzero_ps();
    // C comes from far away: fetched now, it is there when the sums are done.
    _mm_prefetch(reinterpret_cast<const char*>(c + i * ldc), _MM_HINT_T0);
  }
  for (size_t p = 0; p < k; ++p, b += kTileCols, ++a) {
    const __m256 b0 = _mm256_load_ps(b);
    const __m256 b1 = _mm256_load_ps(b + 8);
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      const __m256 ai = _mm256_broadcast_ss(a + i * kPanelStride);
      acc[i][0] = _mm256_fmadd_ps(ai, b0, acc[i][0]);
      acc[i][1] = _mm256_fmadd_ps(ai, b1, acc[i][1]);
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    float* out = c + i * ldc;
    if (add) {
      acc[i][0] = _mm256_add_ps(_mm256_loadu_ps(out), acc[i][0]);
      acc[i][1] = _mm256_add_ps(_mm256_loadu_ps(out + 8), acc[i][1]);
    }
    _mm256_storeu_ps(out, acc[i][0]);
    _mm256_storeu_ps(out + 8, acc[i][1]);
  }
}

using TileFn = void (*)(size_t, const float*, const float*, float*, size_t, bool);
constexpr TileFn kTiles[kTileRows + 1] = {nullptr, Tile<1>, Tile<2>, Tile<3>,
                                          Tile<4>, Tile<5>, Tile<6>};

void Transpose8(const float* src, float* dst) {
  __m256 r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(src + i * kPanelStride);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {  // r[i + j]: columns j and 4 + j of rows i..i+3
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    _mm256_store_ps(dst + j * kTileCols, _mm256_permute2f128_ps(r[j], r[4 + j], 0x20));
    _mm256_store_ps(dst + (4 + j) * kTileCols, _mm256_permute2f128_ps(r[j], r[4 + j], 0x31));
  }
}

}  // namespace

void GemmTile_Avx2(size_t rows, size_t k, const float* a, const float* b, float* c, size_t ldc,
                   bool add) {
  kTiles[rows](k, a, b, c, ldc, add);
}

void TransposePanel_Avx2(const float* src, size_t k, float* dst) {
  size_t p = 0;
  for (; p + 8 <= k; p += 8) {
    Transpose8(src + p, dst + p * kTileCols);
    Transpose8(src + 8 * kPanelStride + p, dst + p * kTileCols + 8);
  }
  for (; p < k; ++p) {
    for (int i = 0; i < kTileCols; ++i) dst[p * kTileCols + i] = src[i * kPanelStride + p];
  }
}

}  // namespace selvedge::kernels::x86
