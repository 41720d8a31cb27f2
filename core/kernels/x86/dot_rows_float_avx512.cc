#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kRows = 4;  // rows at once share the loads of x and hide the latency of fma

struct F32 {
  static constexpr size_t kBytes = 4;
  static __m512 Load(const uint8_t* p) { return _mm512_loadu_ps(p); }
  static __m512 Load(const uint8_t* p, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, p); }
};
struct F16 {
  static constexpr size_t kBytes = 2;
  static __m512 Load(const uint8_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static __m512 Load(const uint8_t* p, __mmask16 mask) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
  }
};
struct Bf16 {
  static constexpr size_t kBytes = 2;
  static __m512 Widen(__m256i h) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
  }
  static __m512 Load(const uint8_t* p) {
    return Widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static __m512 Load(const uint8_t* p, __mmask16 mask) {
    return Widen(_mm256_maskz_loadu_epi16(mask, p));
  }
};

template <typename Type, size_t Rows>
void Dots(const uint8_t* w, size_t row_bytes, size_t k, const float* x, float* y) {
  __m512 acc[Rows];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) acc[r] = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 16 <= k; i += 16) {
    const __m512 xi = _mm512_loadu_ps(x + i);
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      acc[r] = _mm512_fmadd_ps(Type::Load(w + r * row_bytes + i * Type::kBytes), xi, acc[r]);
    }
  }
  if (i < k) {
    const __mmask16 mask = static_cast<__mmask16>((1u << (k - i)) - 1);
    const __m512 xi = _mm512_maskz_loadu_ps(mask, x + i);
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      acc[r] = _mm512_fmadd_ps(Type::Load(w + r * row_bytes + i * Type::kBytes, mask), xi, acc[r]);
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) y[r] = _mm512_reduce_add_ps(acc[r]);
}

template <typename Type>
void DotRows(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x, float* y) {
  size_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    Dots<Type, kRows>(w + r * row_bytes, row_bytes, k, x, y + r);
  for (; r < rows; ++r) Dots<Type, 1>(w + r * row_bytes, row_bytes, k, x, y + r);
}

}  // namespace

void DotRowsF32_Avx512(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                       float* y) {
  DotRows<F32>(w, row_bytes, rows, k, x, y);
}

void DotRowsF16_Avx512(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                       float* y) {
  DotRows<F16>(w, row_bytes, rows, k, x, y);
}

void DotRowsBf16_Avx512(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                        float* y) {
  DotRows<Bf16>(w, row_bytes, rows, k, x, y);
}

}  // namespace selvedge::kernels::x86
