// Integer panels (kernel_table.h) of Q3_K, Q5_K and Q6_K: levels as they are stored, with a scale
// and a bias for each group of 32 or 16 values.

#include "core/kernels/x86/pack_k_levels.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kCols = kPanel8x8Cols;

// Q5_K has one scale for 32 values, the others for 16.
template <typename Type>
constexpr size_t kGroup = Type::kMin ? 32 : 16;

// Scales and biases of a row's block, kCols apart.
template <typename Type>
void PackScales(const uint8_t* block, float* scales, float* biases) {
  float d, minus_bias;
  BlockScales<Type>(block, &d, &minus_bias);
  alignas(32) int16_t bias[16];
  alignas(16) int8_t scale[16];
  _mm256_store_si256(reinterpret_cast<__m256i*>(bias), Biases<Type>(block));
  _mm_store_si128(reinterpret_cast<__m128i*>(scale), Type::Scales(block));
  constexpr size_t kStep = kGroup<Type> / 16;
  for (size_t g = 0; g < 16 / kStep; ++g) {
    scales[g * kCols] = d * static_cast<float>(scale[g * kStep]);
    biases[g * kCols] = minus_bias * static_cast<float>(bias[g * kStep]);
  }
}

template <typename Type>
void Pack(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, uint8_t* panel,
          float* scales) {
  constexpr size_t kGroups = 256 / kGroup<Type>;
  float* biases = scales + k / kGroup<Type> * kCols;
  for (size_t b = 0; b < k / 256; ++b, w += Type::kBytes, panel += 256 * kCols) {
    for (size_t first = 0; first < kCols; first += 8) {
      const size_t present = rows > first ? rows - first : 0;
      PackLevels<Type>(w + first * row_bytes, row_bytes, present, panel + 4 * first);
      for (size_t i = first; i < first + 8; ++i) {
        if (i < rows) {
          PackScales<Type>(w + i * row_bytes, scales + i, biases + i);
          continue;
        }
        for (size_t g = 0; g < kGroups; ++g) scales[g * kCols + i] = biases[g * kCols + i] = 0;
      }
    }
    scales += kGroups * kCols;
    biases += kGroups * kCols;
  }
}

template <size_t Tokens, size_t Group>
void Multiply(size_t k, const QuantizedActivations& x, const uint8_t* panel, const float* scales,
              const PanelSums& sums) {
  const float* biases = scales + k / Group * kCols;
  __m512 acc[Tokens][2];
#pragma GCC unroll 6
  for (size_t t = 0; t < Tokens; ++t) {
    const float* y = sums.y + t * sums.ldy;
    acc[t][0] = sums.first ? _mm512_setzero_ps() : _mm512_loadu_ps(y);
    acc[t][1] = sums.first ? _mm512_setzero_ps() : _mm512_loadu_ps(y + 16);
  }
  for (size_t g = 0; g < k / Group; ++g, scales += kCols, biases += kCols) {
    __m512i sum[Tokens][2];
#pragma GCC unroll 6
    for (size_t t = 0; t < Tokens; ++t) sum[t][0] = sum[t][1] = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (size_t i = 0; i < Group / 4; ++i, panel += 4 * kCols) {
      const __m512i w0 = _mm512_load_si512(panel);
      const __m512i w1 = _mm512_load_si512(panel + 64);
#pragma GCC unroll 6
      for (size_t t = 0; t < Tokens; ++t) {
        int32_t four;
        __builtin_memcpy(&four, x.q + t * x.stride + Group * g + 4 * i, sizeof four);
        const __m512i q = _mm512_set1_epi32(four);
        sum[t][0] = _mm512_dpbusd_epi32(sum[t][0], w0, q);
        sum[t][1] = _mm512_dpbusd_epi32(sum[t][1], w1, q);
      }
    }
#pragma GCC unroll 6
    for (size_t t = 0; t < Tokens; ++t) {
      const int16_t* sums16 = x.sums16 + (t * x.stride + Group * g) / 16;
      const int total = Group == 32 ? sums16[0] + sums16[1] : sums16[0];
      const __m512 group_sum = _mm512_set1_ps(static_cast<float>(total));
      const __m512 xd = _mm512_set1_ps(x.scales[(t * x.stride + Group * g) / 256]);
#pragma GCC unroll 2
      for (size_t half = 0; half < 2; ++half) {
        const __m512 products =
            _mm512_mul_ps(_mm512_cvtepi32_ps(sum[t][half]), _mm512_loadu_ps(scales + 16 * half));
        const __m512 value =
            _mm512_fmadd_ps(_mm512_loadu_ps(biases + 16 * half), group_sum, products);
        acc[t][half] = _mm512_fmadd_ps(value, xd, acc[t][half]);
      }
    }
  }
#pragma GCC unroll 6
  for (size_t t = 0; t < Tokens; ++t) {
    _mm512_storeu_ps(sums.y + t * sums.ldy, acc[t][0]);
    _mm512_storeu_ps(sums.y + t * sums.ldy + 16, acc[t][1]);
  }
}

using MultiplyFn = void (*)(size_t, const QuantizedActivations&, const uint8_t*, const float*,
                            const PanelSums&);
template <size_t Group>
constexpr MultiplyFn kMultiply[7] = {nullptr,
                                     Multiply<1, Group>,
                                     Multiply<2, Group>,
                                     Multiply<3, Group>,
                                     Multiply<4, Group>,
                                     Multiply<5, Group>,
                                     Multiply<6, Group>};

}  // namespace

void PackPanelQ3_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<Q3_K>(w, row_bytes, rows, k, panel, scales);
}

void PackPanelQ5_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<Q5_K>(w, row_bytes, rows, k, panel, scales);
}

void PackPanelQ6_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<Q6_K>(w, row_bytes, rows, k, panel, scales);
}

void MultiplyPanel32_Avx512Vnni(size_t tokens, size_t k, const QuantizedActivations& x, int32_t,
                                const uint8_t* panel, const float* scales, const PanelSums& sums) {
  kMultiply<32>[tokens](k, x, panel, scales, sums);
}

void MultiplyPanel16_Avx512Vnni(size_t tokens, size_t k, const QuantizedActivations& x, int32_t,
                                const uint8_t* panel, const float* scales, const PanelSums& sums) {
  kMultiply<16>[tokens](k, x, panel, scales, sums);
}

}  // namespace selvedge::kernels::x86
