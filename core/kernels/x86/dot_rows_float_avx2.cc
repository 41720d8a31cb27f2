#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kRows = 4;

struct F32 {
  static constexpr size_t kBytes = 4;
  static __m256 Load(const uint8_t* p) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(p));
  }
};
struct F16 {
  static constexpr size_t kBytes = 2;
  static __m256 Load(const uint8_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
};
struct Bf16 {
  static constexpr size_t kBytes = 2;
  static __m256 Load(const uint8_t* p) {
    const __m128i h = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
  }
};

float Sum(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

template <typename Type, size_t Rows>
void Dots(const uint8_t* w, size_t row_bytes, size_t k, const float* x, float* y) {
  __m256 acc[Rows];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) acc[r] = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 8 <= k; i += 8) {
    const __m256 xi = _mm256_loadu_ps(x + i);
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      acc[r] = _mm256_fmadd_ps(Type::Load(w + r * row_bytes + i * Type::kBytes), xi, acc[r]);
    }
  }
  if (i < k) {  // the last values, in zero-padded copies
    alignas(32) float xs[8] = {};
    for (size_t j = i; j < k; ++j) xs[j - i] = x[j];
    for (size_t r = 0; r < Rows; ++r) {
      alignas(32) uint8_t ws[32] = {};
      const uint8_t* tail = w + r * row_bytes + i * Type::kBytes;
      for (size_t j = 0; j < (k - i) * Type::kBytes; ++j) ws[j] = tail[j];
      acc[r] = _mm256_fmadd_ps(Type::Load(ws), _mm256_load_ps(xs), acc[r]);
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) y[r] = Sum(acc[r]);
}

template <typename Type>
void DotRows(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x, float* y) {
  size_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    Dots<Type, kRows>(w + r * row_bytes, row_bytes, k, x, y + r);
  for (; r < rows; ++r) Dots<Type, 1>(w + r * row_bytes, row_bytes, k, x, y + r);
}

}  // namespace

void DotRowsF32_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                     float* y) {
  DotRows<F32>(w, row_bytes, rows, k, x, y);
}

void DotRowsF16_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                     float* y) {
  DotRows<F16>(w, row_bytes, rows, k, x, y);
}

void DotRowsBf16_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                      float* y) {
  DotRows<Bf16>(w, row_bytes, rows, k, x, y);
}

}  // namespace selvedge::kernels::x86
