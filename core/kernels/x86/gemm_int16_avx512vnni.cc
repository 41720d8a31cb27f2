#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr int kTileRows = 7;  // 7 x (2 integer + 2 float) accumulators + 2 of the panel + 1 of a
constexpr size_t kTileCols = 32;

__mmask16 First(size_t n) { return static_cast<__mmask16>(n >= 16 ? 0xffff : (1u << n) - 1); }

// Squares of n <= 64 values in 16 lanes.
__m512 Squares(const float* x, size_t n) {
  __m512 sum = _mm512_setzero_ps();
  for (size_t i = 0; i < n; i += 16) {
    const __m512 v = _mm512_maskz_loadu_ps(First(n - i), x + i);
    sum = _mm512_fmadd_ps(v, v, sum);
  }
  return sum;
}

float Norm(const float* x, size_t n) {
  return __builtin_sqrtf(_mm512_reduce_add_ps(Squares(x, n)));
}

// The largest of the four sums over the lanes of a, b, c and d; a NaN if one of them is.
float LargestSum(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const __m512 abcd =
      _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(abcd), _mm512_extractf32x8_ps(abcd, 1));
  const __m128 sums = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  alignas(16) float four[4];
  _mm_store_ps(four, sums);
  float largest = 0;
  for (const float sum : four) {
    if (sum != sum) return sum;
    largest = sum > largest ? sum : largest;
  }
  return largest;
}

float Inverse(float scale) { return scale == 0 ? 0 : 1 / scale; }

float Largest(const float* x, size_t n) {
  __m512 largest = _mm512_setzero_ps();
  for (size_t i = 0; i < n; i += 16) {
    largest = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(First(n - i), x + i)), largest);
  }
  return _mm512_reduce_max_ps(largest);
}

// n <= 64 values whose rounded forms fit 16 bits; writes an even number of them.
void Round(const float* x, size_t n, float inverse, int16_t* q) {
  const __m512 factor = _mm512_set1_ps(inverse);
  const __m512i even =
      _mm512_set_epi16(62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26,
                       24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), factor));
    const __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i + 16), factor));
    _mm512_storeu_si512(q + i, _mm512_permutex2var_epi16(low, even, high));
  }
  for (; i < n; i += 16) {
    const size_t left = n - i;
    const __m512 v = _mm512_maskz_loadu_ps(First(left), x + i);
    const __m256i r = _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(_mm512_mul_ps(v, factor)));
    _mm256_mask_storeu_epi16(q + i, First(left + left % 2), r);
  }
}

// sum += products of neighbouring pairs. The instruction itself, because GCC 12 copies every
// accumulator before and after its intrinsic: two moves for each product.
inline __attribute__((always_inline)) void AddProducts(__m512i& sum, __m512i w, __m512i a) {
  asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(a));
}

size_t Least(size_t a, size_t b) { return a < b ? a : b; }

template <int Rows>
void Multiply(size_t depth, const int16_t* a, const float* a_scales, const int16_t* panel,
              const float* panel_scales, float* c, size_t ldc, bool add) {
  __m512 acc[Rows][2];
#pragma GCC unroll 7
  for (int i = 0; i < Rows; ++i) {
    acc[i][0] = acc[i][1] = _mm512_setzero_ps();
    _mm_prefetch(reinterpret_cast<const char*>(c + i * ldc), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(c + i * ldc + 16), _MM_HINT_T0);
  }
  for (size_t begin = 0; begin < depth; begin += kInt16Chunk, panel_scales += kTileCols) {
    __m512i sum[Rows][2];
#pragma GCC unroll 7
    for (int i = 0; i < Rows; ++i) sum[i][0] = sum[i][1] = _mm512_setzero_si512();
    const size_t end = Least(depth, begin + kInt16Chunk);
    for (size_t p = begin; p < end; p += 2, panel += 2 * kTileCols) {
      const __m512i w0 = _mm512_load_si512(panel);
      const __m512i w1 = _mm512_load_si512(panel + kTileCols);
#pragma GCC unroll 7
      for (int i = 0; i < Rows; ++i) {
        int32_t two;
        __builtin_memcpy(&two, a + static_cast<size_t>(i) * kInt16Stride + p, sizeof two);
        const __m512i ai = _mm512_set1_epi32(two);
        AddProducts(sum[i][0], w0, ai);
        AddProducts(sum[i][1], w1, ai);
      }
    }
    const __m512 s0 = _mm512_loadu_ps(panel_scales);
    const __m512 s1 = _mm512_loadu_ps(panel_scales + 16);
#pragma GCC unroll 7
    for (int i = 0; i < Rows; ++i) {
      acc[i][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[i][0]), s0, acc[i][0]);
      acc[i][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[i][1]), s1, acc[i][1]);
    }
  }
#pragma GCC unroll 7
  for (int i = 0; i < Rows; ++i) {
    float* out = c + i * ldc;
    const __m512 scale = _mm512_set1_ps(a_scales[i]);
    const __m512 c0 = add ? _mm512_loadu_ps(out) : _mm512_setzero_ps();
    const __m512 c1 = add ? _mm512_loadu_ps(out + 16) : _mm512_setzero_ps();
    _mm512_storeu_ps(out, _mm512_fmadd_ps(acc[i][0], scale, c0));
    _mm512_storeu_ps(out + 16, _mm512_fmadd_ps(acc[i][1], scale, c1));
  }
}

using MultiplyRowsFn = void (*)(size_t, const int16_t*, const float*, const int16_t*, const float*,
                                float*, size_t, bool);
constexpr MultiplyRowsFn kMultiply[kTileRows + 1] = {nullptr,     Multiply<1>, Multiply<2>,
                                                     Multiply<3>, Multiply<4>, Multiply<5>,
                                                     Multiply<6>, Multiply<7>};

}  // namespace

float RoundRow_Avx512Vnni(const float* x, size_t depth, int16_t* q) {
  static_assert(kInt16Chunks == 4);
  __m512 squares[kInt16Chunks] = {};
  for (size_t c = 0; c * kInt16Chunk < depth; ++c) {
    squares[c] = Squares(x + c * kInt16Chunk, Least(kInt16Chunk, depth - c * kInt16Chunk));
  }
  const float scale =
      __builtin_sqrtf(LargestSum(squares[0], squares[1], squares[2], squares[3])) / kInt16RowNorm;
  for (size_t i = 0; i < depth; i += kInt16Chunk) {
    Round(x + i, Least(kInt16Chunk, depth - i), Inverse(scale), q + i);
  }
  return scale;
}

void RoundChunks_Avx512Vnni(const float* x, size_t depth, int16_t* q, float* scales) {
  for (size_t i = 0; i < depth; i += kInt16Chunk) {
    const size_t n = Least(kInt16Chunk, depth - i);
    const float by_norm = Norm(x + i, n) / kInt16WeightNorm;
    const float by_value = Largest(x + i, n) / 32767;
    *scales = by_value > by_norm ? by_value : by_norm;  // keeps a NaN
    Round(x + i, n, Inverse(*scales++), q + i);
  }
}

void RoundColumns_Avx512Vnni(const float* x, size_t rows, int16_t* panel, float* scales) {
  const __m512 zero = _mm512_setzero_ps();
  __m512 sum[2] = {zero, zero}, largest[2] = {zero, zero}, factor[2];
  for (size_t p = 0; p < rows; ++p) {
    for (size_t half = 0; half < 2; ++half) {
      const __m512 v = _mm512_loadu_ps(x + p * kTileCols + 16 * half);
      sum[half] = _mm512_fmadd_ps(v, v, sum[half]);
      largest[half] = _mm512_max_ps(_mm512_abs_ps(v), largest[half]);
    }
  }
  for (size_t half = 0; half < 2; ++half) {
    const __m512 by_norm =
        _mm512_mul_ps(_mm512_sqrt_ps(sum[half]), _mm512_set1_ps(1 / kInt16WeightNorm));
    const __m512 by_value = _mm512_mul_ps(largest[half], _mm512_set1_ps(1.0f / 32767));
    const __m512 scale = _mm512_max_ps(by_value, by_norm);  // the second if one is a NaN
    _mm512_storeu_ps(scales + 16 * half, scale);
    const __mmask16 some = _mm512_cmp_ps_mask(scale, zero, _CMP_NEQ_UQ);
    factor[half] = _mm512_maskz_div_ps(some, _mm512_set1_ps(1), scale);
  }
  for (size_t p = 0; p < rows; p += 2, x += 2 * kTileCols, panel += 2 * kTileCols) {
    for (size_t half = 0; half < 2; ++half) {
      const float* row = x + 16 * half;
      const __m512 second = p + 1 < rows ? _mm512_loadu_ps(row + kTileCols) : zero;
      const __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(row), factor[half]));
      const __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(second, factor[half]));
      const __m512i both = _mm512_mask_blend_epi16(0xAAAAAAAA, low, _mm512_slli_epi32(high, 16));
      _mm512_store_si512(panel + 32 * half, both);
    }
  }
}

void MultiplyInt16_Avx512Vnni(size_t rows, size_t depth, const int16_t* a, const float* a_scales,
                              const int16_t* panel, const float* panel_scales, float* c, size_t ldc,
                              bool add) {
  kMultiply[rows](depth, a, a_scales, panel, panel_scales, c, ldc, add);
}

}  // namespace selvedge::kernels::x86
