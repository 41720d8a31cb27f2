#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__m128i Halves(__m256 v) { return _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT); }
__m256 Rounded(__m256 v) { return _mm256_cvtph_ps(Halves(v)); }

// As in half_rows_avx512.cc, without masks.
template <size_t Lanes>
void AddColumns(const HalfRows& rows, size_t first, const float* shrink, const float* weight,
                float* sum) {
  __m256 acc[Lanes];
#pragma GCC unroll 8
  for (size_t l = 0; l < Lanes; ++l) acc[l] = _mm256_loadu_ps(sum + first + 8 * l);
  const uint8_t* row = rows.data + 2 * first;
  for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
    if (shrink[i] != 1.0f) {
      const __m256 factor = _mm256_set1_ps(shrink[i]);
#pragma GCC unroll 8
      for (size_t l = 0; l < Lanes; ++l) acc[l] = Rounded(_mm256_mul_ps(acc[l], factor));
    }
    const __m256 w = _mm256_set1_ps(weight[i]);
#pragma GCC unroll 8
    for (size_t l = 0; l < Lanes; ++l) {
      const __m256 v =
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + 16 * l)));
      acc[l] = Rounded(_mm256_fmadd_ps(w, v, acc[l]));
    }
  }
#pragma GCC unroll 8
  for (size_t l = 0; l < Lanes; ++l) _mm256_storeu_ps(sum + first + 8 * l, acc[l]);
}

float HalfAt(const uint8_t* p) { return _cvtsh_ss(static_cast<unsigned short>(p[0] | p[1] << 8)); }
float Rounded(float v) { return _cvtsh_ss(_cvtss_sh(v, _MM_FROUND_TO_NEAREST_INT)); }

// The columns that do not fill a register.
void AddColumn(const HalfRows& rows, size_t column, const float* shrink, const float* weight,
               float* sum) {
  const uint8_t* row = rows.data + 2 * column;
  for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
    const float v = HalfAt(row);
    sum[column] = Rounded(sum[column] * shrink[i]);
    sum[column] = Rounded(__builtin_fmaf(weight[i], v, sum[column]));
  }
}

// As AddColumns, in f32.
template <size_t Lanes>
void WeighColumns(const HalfRows& rows, size_t first, const float* weight, float* sum) {
  __m256 acc[Lanes];
#pragma GCC unroll 8
  for (size_t l = 0; l < Lanes; ++l) acc[l] = _mm256_loadu_ps(sum + first + 8 * l);
  const uint8_t* row = rows.data + 2 * first;
  for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
    const __m256 w = _mm256_set1_ps(weight[i]);
#pragma GCC unroll 8
    for (size_t l = 0; l < Lanes; ++l) {
      const __m256 v =
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + 16 * l)));
      acc[l] = _mm256_fmadd_ps(w, v, acc[l]);
    }
  }
#pragma GCC unroll 8
  for (size_t l = 0; l < Lanes; ++l) _mm256_storeu_ps(sum + first + 8 * l, acc[l]);
}

}  // namespace

void RoundToHalf_Avx2(const float* x, uint16_t* out, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), Halves(_mm256_loadu_ps(x + i)));
  }
  for (; i < n; ++i) out[i] = _cvtss_sh(x[i], _MM_FROUND_TO_NEAREST_INT);
}

void DotRowsHalf_Avx2(const HalfRows& rows, const float* x, float* y) {
  const uint8_t* row = rows.data;
  for (size_t r = 0; r < rows.rows; ++r, row += rows.row_bytes) {
    __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
    size_t i = 0;
    for (; i + 8 <= rows.cols; i += 8) {
      const __m256 v =
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + 2 * i)));
      // The product of two halves is exact in f32.
      const __m256 product = _mm256_mul_ps(v, _mm256_loadu_ps(x + i));
      low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(product)));
      high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(product, 1)));
    }
    double lanes[4];
    _mm256_storeu_pd(lanes, _mm256_add_pd(low, high));
    double sum = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
    for (; i < rows.cols; ++i) sum += double{HalfAt(row + 2 * i)} * x[i];
    y[r] = static_cast<float>(sum);
  }
}

void AddRowsHalf_Avx2(const HalfRows& rows, const float* shrink, const float* weight, float* sum) {
  size_t i = 0;
  for (; i + 64 <= rows.cols; i += 64) AddColumns<8>(rows, i, shrink, weight, sum);
  for (; i + 8 <= rows.cols; i += 8) AddColumns<1>(rows, i, shrink, weight, sum);
  for (; i < rows.cols; ++i) AddColumn(rows, i, shrink, weight, sum);
}

void WeighRowsHalf_Avx2(const HalfRows& rows, const float* weight, float* sum) {
  size_t j = 0;
  for (; j + 64 <= rows.cols; j += 64) WeighColumns<8>(rows, j, weight, sum);
  for (; j + 8 <= rows.cols; j += 8) WeighColumns<1>(rows, j, weight, sum);
  for (; j < rows.cols; ++j) {
    const uint8_t* row = rows.data + 2 * j;
    for (size_t i = 0; i < rows.rows; ++i, row += rows.row_bytes) {
      sum[j] = __builtin_fmaf(weight[i], HalfAt(row), sum[j]);
    }
  }
}

}  // namespace selvedge::kernels::x86
