#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__mmask16 Mask(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }

__m256i Halves(__m512 v) { return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT); }
__m512 Rounded(__m512 v) { return _mm512_cvtph_ps(Halves(v)); }

// Columns [first, first + 16 * Lanes) of all rows; the last register holds `mask`. The sums wait
// for one another row by row, so several registers at a time hide the latency.
template <size_t Lanes>
void AddColumns(const HalfRows& rows, size_t first, __mmask16 mask, const float* shrink,
                const float* weight, float* sum) {
  __m512 acc[Lanes];
#pragma GCC unroll 8
  for (size_t l = 0; l < Lanes; ++l) {
    const __mmask16 m = l + 1 == Lanes ? mask : __mmask16{0xFFFF};
    acc[l] = _mm512_maskz_loadu_ps(m, sum + first + 16 * l);
  }
  const uint8_t* row = rows.data + 2 * first;
  for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
    if (shrink[i] != 1.0f) {
      const __m512 factor = _mm512_set1_ps(shrink[i]);
#pragma GCC unroll 8
      for (size_t l = 0; l < Lanes; ++l) acc[l] = Rounded(_mm512_mul_ps(acc[l], factor));
    }
    const __m512 w = _mm512_set1_ps(weight[i]);
#pragma GCC unroll 8
    for (size_t l = 0; l < Lanes; ++l) {
      const __mmask16 m = l + 1 == Lanes ? mask : __mmask16{0xFFFF};
      const __m512 v = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, row + 32 * l));
      acc[l] = Rounded(_mm512_fmadd_ps(w, v, acc[l]));
    }
  }
#pragma GCC unroll 8
  for (size_t l = 0; l < Lanes; ++l) {
    const __mmask16 m = l + 1 == Lanes ? mask : __mmask16{0xFFFF};
    _mm512_mask_storeu_ps(sum + first + 16 * l, m, acc[l]);
  }
}

// As AddColumns, in f32.
template <size_t Lanes>
void WeighColumns(const HalfRows& rows, size_t first, __mmask16 mask, const float* weight,
                  float* sum) {
  __m512 acc[Lanes];
#pragma GCC unroll 8
  for (size_t l = 0; l < Lanes; ++l) {
    const __mmask16 m = l + 1 == Lanes ? mask : __mmask16{0xFFFF};
    acc[l] = _mm512_maskz_loadu_ps(m, sum + first + 16 * l);
  }
  const uint8_t* row = rows.data + 2 * first;
  for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
    const __m512 w = _mm512_set1_ps(weight[i]);
#pragma GCC unroll 8
    for (size_t l = 0; l < Lanes; ++l) {
      const __mmask16 m = l + 1 == Lanes ? mask : __mmask16{0xFFFF};
      acc[l] =
          _mm512_fmadd_ps(w, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, row + 32 * l)), acc[l]);
    }
  }
#pragma GCC unroll 8
  for (size_t l = 0; l < Lanes; ++l) {
    const __mmask16 m = l + 1 == Lanes ? mask : __mmask16{0xFFFF};
    _mm512_mask_storeu_ps(sum + first + 16 * l, m, acc[l]);
  }
}

}  // namespace

void RoundToHalf_Avx512(const float* x, uint16_t* out, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i < 16 ? Mask(n - i) : __mmask16{0xFFFF};
    _mm256_mask_storeu_epi16(out + i, mask, Halves(_mm512_maskz_loadu_ps(mask, x + i)));
  }
}

void DotRowsHalf_Avx512(const HalfRows& rows, const float* x, float* y) {
  const uint8_t* row = rows.data;
  for (size_t r = 0; r < rows.rows; ++r, row += rows.row_bytes) {
    __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
    for (size_t i = 0; i < rows.cols; i += 16) {
      const __mmask16 mask = rows.cols - i < 16 ? Mask(rows.cols - i) : __mmask16{0xFFFF};
      const __m512 v = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, row + 2 * i));
      // The product of two halves is exact in f32.
      const __m512 product = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(mask, x + i));
      low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(product)));
      high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(product, 1)));
    }
    y[r] = static_cast<float>(_mm512_reduce_add_pd(_mm512_add_pd(low, high)));
  }
}

void AddRowsHalf_Avx512(const HalfRows& rows, const float* shrink, const float* weight,
                        float* sum) {
  size_t i = 0;
  for (; i + 128 <= rows.cols; i += 128) AddColumns<8>(rows, i, 0xFFFF, shrink, weight, sum);
  for (; i + 64 <= rows.cols; i += 64) AddColumns<4>(rows, i, 0xFFFF, shrink, weight, sum);
  for (; i < rows.cols; i += 16) {
    const __mmask16 mask = rows.cols - i < 16 ? Mask(rows.cols - i) : __mmask16{0xFFFF};
    AddColumns<1>(rows, i, mask, shrink, weight, sum);
  }
}

void WeighRowsHalf_Avx512(const HalfRows& rows, const float* weight, float* sum) {
  size_t i = 0;
  for (; i + 128 <= rows.cols; i += 128) WeighColumns<8>(rows, i, 0xFFFF, weight, sum);
  for (; i + 64 <= rows.cols; i += 64) WeighColumns<4>(rows, i, 0xFFFF, weight, sum);
  for (; i < rows.cols; i += 16) {
    const __mmask16 mask = rows.cols - i < 16 ? Mask(rows.cols - i) : __mmask16{0xFFFF};
    WeighColumns<1>(rows, i, mask, weight, sum);
  }
}

}  // namespace selvedge::kernels::x86
