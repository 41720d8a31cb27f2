// Values of the quantized types beyond Q8_0 and Q4_0. d * scale * level is exact in f32
// (reference/block_runs.h), so a fused subtraction of the minimum gives the bits of the scalar
// twin.

#include "core/kernels/x86/blocks32_avx2.h"
#include "core/kernels/x86/k_levels_avx2.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

__m256 Floats(__m128i bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)); }

// dst[0..16) = bytes * scale - min.
void Store16(float* dst, __m128i bytes, __m256 scale, __m256 min) {
  _mm256_storeu_ps(dst, _mm256_fmsub_ps(Floats(bytes), scale, min));
  _mm256_storeu_ps(dst + 8, _mm256_fmsub_ps(Floats(_mm_srli_si128(bytes, 8)), scale, min));
}

template <typename Type>
void Dequantize32(const uint8_t* row, size_t first, float* dst, size_t n) {
  const uint8_t* block = row + first / 32 * Type::kBytes;
  for (size_t i = 0; i < n; i += 32, block += Type::kBytes, dst += 32) {
    const __m256 d = _mm256_broadcastss_ps(Half(block));
    __m256 min = _mm256_setzero_ps();
    if constexpr (Type::kMinAt != 0) {
      min = _mm256_sub_ps(min, _mm256_broadcastss_ps(Half(block + Type::kMinAt)));
    }
    const __m256i q = Type::Load(block);
    Store16(dst, _mm256_castsi256_si128(q), d, min);
    Store16(dst + 16, _mm256_extracti128_si256(q, 1), d, min);
  }
}

// What a block of 256 needs once: 16 scales and minima, with d and dmin.
struct BlockValues {
  alignas(32) float scales[16];
  alignas(32) float mins[16];
};

template <typename Type>
void ReadBlock(const uint8_t* block, BlockValues* out) {
  float d, minus_dmin;
  BlockScales<Type>(block, &d, &minus_dmin);
  const __m128i scales = Type::Scales(block);
  _mm256_store_ps(out->scales, _mm256_mul_ps(Floats(scales), _mm256_set1_ps(d)));
  _mm256_store_ps(out->scales + 8,
                  _mm256_mul_ps(Floats(_mm_srli_si128(scales, 8)), _mm256_set1_ps(d)));
  if constexpr (Type::kMin) {
    const __m128i mins = Type::Mins(block);
    const __m256 dmin = _mm256_set1_ps(-minus_dmin);
    _mm256_store_ps(out->mins, _mm256_mul_ps(Floats(mins), dmin));
    _mm256_store_ps(out->mins + 8, _mm256_mul_ps(Floats(_mm_srli_si128(mins, 8)), dmin));
  }
}

template <typename Type, int run>
void StoreRun(const uint8_t* block, const BlockValues& values, float* dst) {
  __m256i q = Type::template Levels<run>(block);
  __m256 mins[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  if constexpr (Type::kMin) {
    mins[0] = _mm256_set1_ps(values.mins[2 * run]);
    mins[1] = _mm256_set1_ps(values.mins[2 * run + 1]);
  } else {
    q = _mm256_sub_epi8(q, _mm256_set1_epi8(Type::kOffset));
  }
  Store16(dst, _mm256_castsi256_si128(q), _mm256_set1_ps(values.scales[2 * run]), mins[0]);
  Store16(dst + 16, _mm256_extracti128_si256(q, 1), _mm256_set1_ps(values.scales[2 * run + 1]),
          mins[1]);
}

template <typename Type>
void Dequantize256(const uint8_t* row, size_t first, float* dst, size_t n) {
  using StoreRunFn = void (*)(const uint8_t*, const BlockValues&, float*);
  constexpr StoreRunFn kRuns[8] = {StoreRun<Type, 0>, StoreRun<Type, 1>, StoreRun<Type, 2>,
                                   StoreRun<Type, 3>, StoreRun<Type, 4>, StoreRun<Type, 5>,
                                   StoreRun<Type, 6>, StoreRun<Type, 7>};
  BlockValues values;
  for (size_t i = first; i < first + n; i += 32, dst += 32) {
    const uint8_t* block = row + i / 256 * Type::kBytes;
    if (i == first || i % 256 == 0) ReadBlock<Type>(block, &values);
    kRuns[i % 256 / 32](block, values, dst);
  }
}

}  // namespace

void DequantizeQ4_1_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize32<Q4_1>(row, first, dst, n);
}

void DequantizeQ5_0_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize32<Q5_0>(row, first, dst, n);
}

void DequantizeQ5_1_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize32<Q5_1>(row, first, dst, n);
}

void DequantizeIq4Nl_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize32<Iq4Nl>(row, first, dst, n);
}

void DequantizeQ2_K_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize256<Q2_K>(row, first, dst, n);
}

void DequantizeQ3_K_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize256<Q3_K>(row, first, dst, n);
}

void DequantizeQ4_K_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize256<Q4_K>(row, first, dst, n);
}

void DequantizeQ5_K_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize256<Q5_K>(row, first, dst, n);
}

void DequantizeQ6_K_Avx2(const uint8_t* row, size_t first, float* dst, size_t n) {
  Dequantize256<Q6_K>(row, first, dst, n);
}

}  // namespace selvedge::kernels::x86
