// Integer panels (kernel_table.h) of the types with blocks of 256: levels as they are stored, with
// a scale and a bias for each group of 32 or 16 values.

#include "core/kernels/x86/k_levels_avx2.h"
#include "core/kernels/x86/store_8x8.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kCols = kPanel8x8Cols;

// Q4_K and Q5_K have one scale for 32 values, the others for 16.
template <typename Type>
constexpr size_t kGroup = Type::kMin&& Type::kBytes != Q2_K::kBytes ? 32 : 16;

// The 8 rows from `w` on, of which `rows` are there, into a run of the panel.
template <typename Type, int run>
void PackRun(const uint8_t* w, size_t row_bytes, size_t rows, uint8_t* panel) {
  __m256i r[8];
  for (size_t i = 0; i < 8; ++i) {
    r[i] = i < rows ? Type::template Levels<run>(w + i * row_bytes) : _mm256_setzero_si256();
  }
  Store8x8(r, panel + 32 * kCols * run);
}

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
  using PackRunFn = void (*)(const uint8_t*, size_t, size_t, uint8_t*);
  constexpr PackRunFn kRuns[8] = {PackRun<Type, 0>, PackRun<Type, 1>, PackRun<Type, 2>,
                                  PackRun<Type, 3>, PackRun<Type, 4>, PackRun<Type, 5>,
                                  PackRun<Type, 6>, PackRun<Type, 7>};
  constexpr size_t kGroups = 256 / kGroup<Type>;
  float* biases = scales + k / kGroup<Type> * kCols;
  for (size_t b = 0; b < k / 256; ++b, w += Type::kBytes, panel += 256 * kCols) {
    for (size_t first = 0; first < kCols; first += 8) {
      const size_t present = rows > first ? rows - first : 0;
      for (const PackRunFn pack : kRuns) {
        pack(w + first * row_bytes, row_bytes, present, panel + 4 * first);
      }
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
              float* y, size_t ldy, bool add) {
  const float* biases = scales + k / Group * kCols;
  __m512 acc[Tokens][2];
#pragma GCC unroll 6
  for (size_t t = 0; t < Tokens; ++t) {
    acc[t][0] = add ? _mm512_loadu_ps(y + t * ldy) : _mm512_setzero_ps();
    acc[t][1] = add ? _mm512_loadu_ps(y + t * ldy + 16) : _mm512_setzero_ps();
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
    _mm512_storeu_ps(y + t * ldy, acc[t][0]);
    _mm512_storeu_ps(y + t * ldy + 16, acc[t][1]);
  }
}

template <size_t Group>
void MultiplyTokens(size_t tokens, size_t k, const QuantizedActivations& x, const uint8_t* panel,
                    const float* scales, float* y, size_t ldy, bool add) {
  using MultiplyFn = void (*)(size_t, const QuantizedActivations&, const uint8_t*, const float*,
                              float*, size_t, bool);
  constexpr MultiplyFn kMultiply[7] = {nullptr,
                                       Multiply<1, Group>,
                                       Multiply<2, Group>,
                                       Multiply<3, Group>,
                                       Multiply<4, Group>,
                                       Multiply<5, Group>,
                                       Multiply<6, Group>};
  kMultiply[tokens](k, x, panel, scales, y, ldy, add);
}

}  // namespace

void PackPanelQ2_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<Q2_K>(w, row_bytes, rows, k, panel, scales);
}

void PackPanelQ3_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<Q3_K>(w, row_bytes, rows, k, panel, scales);
}

void PackPanelQ4_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<Q4_K>(w, row_bytes, rows, k, panel, scales);
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
                                const uint8_t* panel, const float* scales, float* y, size_t ldy,
                                bool add) {
  MultiplyTokens<32>(tokens, k, x, panel, scales, y, ldy, add);
}

void MultiplyPanel16_Avx512Vnni(size_t tokens, size_t k, const QuantizedActivations& x, int32_t,
                                const uint8_t* panel, const float* scales, float* y, size_t ldy,
                                bool add) {
  MultiplyTokens<16>(tokens, k, x, panel, scales, y, ldy, add);
}

}  // namespace selvedge::kernels::x86
