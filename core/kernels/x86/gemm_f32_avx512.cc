#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr int kTileRows = 14;  // 14 x 2 accumulators + 2 of b + 1 of a = 31 of 32 registers
constexpr int kTileCols = 32;

template <int Rows>
void Tile(size_t k, const float* a, const float* b, float* c, size_t ldc, bool add) {
  __m512 acc[Rows][2];
#pragma GCC unroll 14
  for (int i = 0; i < Rows; ++i) {
    acc[i][0] = acc[i][1] = _mm512_setzero_ps();
    // C comes from far away: fetched now, it is there when the sums are done.
    _mm_prefetch(reinterpret_cast<const char*>(c + i * ldc), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(c + i * ldc + 16), _MM_HINT_T0);
  }
  for (size_t p = 0; p < k; ++p, b += kTileCols, ++a) {
    const __m512 b0 = _mm512_load_ps(b);
    const __m512 b1 = _mm512_load_ps(b + 16);
#pragma GCC unroll 14
    for (int i = 0; i < Rows; ++i) {
      const __m512 ai = _mm512_set1_ps(a[i * kPanelStride]);
      acc[i][0] = _mm512_fmadd_ps(ai, b0, acc[i][0]);
      acc[i][1] = _mm512_fmadd_ps(ai, b1, acc[i][1]);
    }
  }
#pragma GCC unroll 14
  for (int i = 0; i < Rows; ++i) {
    float* out = c + i * ldc;
    if (add) {
      acc[i][0] = _mm512_add_ps(_mm512_loadu_ps(out), acc[i][0]);
      acc[i][1] = _mm512_add_ps(_mm512_loadu_ps(out + 16), acc[i][1]);
    }
    _mm512_storeu_ps(out, acc[i][0]);
    _mm512_storeu_ps(out + 16, acc[i][1]);
  }
}

using TileFn = void (*)(size_t, const float*, const float*, float*, size_t, bool);
constexpr TileFn kTiles[kTileRows + 1] = {nullptr,  Tile<1>,  Tile<2>,  Tile<3>,  Tile<4>,
                                          Tile<5>,  Tile<6>,  Tile<7>,  Tile<8>,  Tile<9>,
                                          Tile<10>, Tile<11>, Tile<12>, Tile<13>, Tile<14>};

// Transposes 16 rows x 16 columns; stores the first `cols` of the 16 resulting rows.
void Transpose16(const float* src, size_t cols, float* dst) {
  const __mmask16 mask = static_cast<__mmask16>((1u << cols) - 1);
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_maskz_loadu_ps(mask, src + i * kPanelStride);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {  // pairs of rows within 128-bit lanes
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {  // 4 x 4 within lanes: r[i + j] holds column 4 * lane + j
    r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 1] =
        _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 2] = _mm512_castpd_ps(
        _mm512_unpacklo_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
    r[i + 3] = _mm512_castpd_ps(
        _mm512_unpackhi_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {  // 4 x 4 of the lanes
    const __m512 even01 = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
    const __m512 odd01 = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xDD);
    const __m512 even23 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
    const __m512 odd23 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xDD);
    t[j] = _mm512_shuffle_f32x4(even01, even23, 0x88);
    t[4 + j] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
    t[8 + j] = _mm512_shuffle_f32x4(even01, even23, 0xDD);
    t[12 + j] = _mm512_shuffle_f32x4(odd01, odd23, 0xDD);
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; ++i) {
    if (i < cols) _mm512_store_ps(dst + i * kTileCols, t[i]);
  }
}

}  // namespace

void GemmTile_Avx512(size_t rows, size_t k, const float* a, const float* b, float* c, size_t ldc,
                     bool add) {
  kTiles[rows](k, a, b, c, ldc, add);
}

void TransposePanel_Avx512(const float* src, size_t k, float* dst) {
  for (size_t p = 0; p < k; p += 16) {
    const size_t cols = k - p < 16 ? k - p : 16;
    Transpose16(src + p, cols, dst + p * kTileCols);
    Transpose16(src + 16 * kPanelStride + p, cols, dst + p * kTileCols + 16);
  }
}

}  // namespace selvedge::kernels::x86
