// Integer panels (kernel_table.h) of Q2_K and Q4_K, in the order of summation of llama.cpp's
// kernels for four tokens at a time (commit d32676d77): ggml_gemm_q2_K_8x8_q8_K adds 128 values at
// a time, ggml_gemm_q4_K_8x8_q8_K 64, products and minima apart. A step's groups are added in f32
// here, exactly: their products times their scales are integers below 2^24.
//
// Scales of a block: the groups' scales [256 / kGroup, cols], pairs of the groups' minima as 16-bit
// numbers [128 / kGroup, cols], d [cols], dmin [cols].

#include "core/kernels/x86/pack_k_levels.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kCols = kPanel8x8Cols;

// kGroup values have a scale and a minimum; kStep values are added at a time.
struct Steps2 : Q2_K {
  static constexpr size_t kGroup = 16, kStep = 128;
};
struct Steps4 : Q4_K {
  static constexpr size_t kGroup = 32, kStep = 64;
};

template <typename Type>
constexpr size_t kPairs = 128 / Type::kGroup;  // of minima, in a block
template <typename Type>
constexpr size_t kBlockScales = (3 * kPairs<Type> + 2) * kCols;

// A row's block; `scales` is that of its column.
template <typename Type>
void PackScales(const uint8_t* block, float* scales) {
  constexpr size_t kGroups = 256 / Type::kGroup, kEach = Type::kGroup / 16;
  alignas(32) int16_t twice[16];
  alignas(16) int8_t scale[16];
  _mm256_store_si256(reinterpret_cast<__m256i*>(twice), Biases<Type>(block));
  _mm_store_si128(reinterpret_cast<__m128i*>(scale), Type::Scales(block));
  for (size_t g = 0; g < kGroups; ++g) {
    scales[g * kCols] = static_cast<float>(scale[g * kEach]);
  }
  scales += kGroups * kCols;
  for (size_t i = 0; i < kPairs<Type>; ++i, scales += kCols) {
    const int16_t pair[2] = {twice[2 * i * kEach], twice[(2 * i + 1) * kEach]};
    __builtin_memcpy(scales, pair, sizeof pair);
  }
  float minus_dmin;
  BlockScales<Type>(block, scales, &minus_dmin);
  scales[kCols] = -minus_dmin;
}

template <typename Type>
void Pack(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, uint8_t* panel,
          float* scales) {
  for (size_t b = 0; b < k / 256; ++b, w += Type::kBytes, panel += 256 * kCols) {
    if (rows < kCols) __builtin_memset(scales, 0, kBlockScales<Type> * sizeof(float));
    for (size_t first = 0; first < kCols; first += 8) {
      const size_t present = rows > first ? rows - first : 0;
      PackLevels<Type>(w + first * row_bytes, row_bytes, present, panel + 4 * first);
    }
    for (size_t i = 0; i < rows; ++i) PackScales<Type>(w + i * row_bytes, scales + i);
    scales += kBlockScales<Type>;
  }
}

__m512 Load(const float* p) { return _mm512_loadu_ps(p); }

// Sums of the activations of a block's groups.
template <typename Type>
void GroupSums(const int16_t* sums16, int16_t* out) {
  const __m256i sums = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums16));
  if constexpr (Type::kGroup == 32) {
    const __m256i pairs = _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_cvtepi32_epi16(pairs));
  } else {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sums);
  }
}

// sum (+)= the products of one group times its scales.
template <typename Type, size_t Tokens, bool first>
void AddGroup(const int8_t* q, size_t stride, const uint8_t* panel, const float* scales,
              __m512 step[Tokens][2]) {
  __m512i sum[Tokens][2];
#pragma GCC unroll 6
  for (size_t t = 0; t < Tokens; ++t) sum[t][0] = sum[t][1] = _mm512_setzero_si512();
#pragma GCC unroll 8
  for (size_t i = 0; i < Type::kGroup / 4; ++i, panel += 4 * kCols) {
    const __m512i w0 = _mm512_load_si512(panel);
    const __m512i w1 = _mm512_load_si512(panel + 64);
#pragma GCC unroll 6
    for (size_t t = 0; t < Tokens; ++t) {
      int32_t four;
      __builtin_memcpy(&four, q + t * stride + 4 * i, sizeof four);
      const __m512i x = _mm512_set1_epi32(four);
      sum[t][0] = _mm512_dpbusd_epi32(sum[t][0], w0, x);
      sum[t][1] = _mm512_dpbusd_epi32(sum[t][1], w1, x);
    }
  }
  const __m512 scale[2] = {Load(scales), Load(scales + 16)};
#pragma GCC unroll 6
  for (size_t t = 0; t < Tokens; ++t) {
#pragma GCC unroll 2
    for (size_t h = 0; h < 2; ++h) {
      const __m512 products = _mm512_cvtepi32_ps(sum[t][h]);
      step[t][h] = first ? _mm512_mul_ps(products, scale[h])
                         : _mm512_fmadd_ps(products, scale[h], step[t][h]);
    }
  }
}

template <size_t Tokens>
struct Sums {
  __m512 products[Tokens][2];
  __m512 minima[Tokens][2];
};

// A block's minima times the sums of its groups, step by step. Not inlined: the registers are for
// the products.
template <typename Type, size_t Tokens>
__attribute__((noinline)) void AddMinima(const QuantizedActivations& x, size_t b,
                                         const float* pairs, const float* dmin,
                                         __m512 minima[Tokens][2]) {
  constexpr size_t kStepPairs = Type::kStep / Type::kGroup / 2;
  alignas(32) int16_t group_sums[Tokens][16];
#pragma GCC unroll 6
  for (size_t t = 0; t < Tokens; ++t) {
    GroupSums<Type>(x.sums16 + t * x.stride / 16 + 16 * b, group_sums[t]);
  }
#pragma GCC unroll 2
  for (size_t h = 0; h < 2; ++h) {
    const __m512 d = Load(dmin + 16 * h);
    __m512i min[kPairs<Type>];
#pragma GCC unroll 8
    for (size_t i = 0; i < kPairs<Type>; ++i) {
      min[i] = _mm512_castps_si512(Load(pairs + i * kCols + 16 * h));
    }
#pragma GCC unroll 6
    for (size_t t = 0; t < Tokens; ++t) {
      const __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(x.scales[t * x.stride / 256 + b]));
#pragma GCC unroll 4
      for (size_t s = 0; s < 256 / Type::kStep; ++s) {
        __m512i total = _mm512_setzero_si512();
#pragma GCC unroll 4
        for (size_t i = s * kStepPairs; i < (s + 1) * kStepPairs; ++i) {
          int32_t two;
          __builtin_memcpy(&two, group_sums[t] + 2 * i, sizeof two);
          total = _mm512_dpwssd_epi32(total, min[i], _mm512_set1_epi32(two));
        }
        minima[t][h] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(total), scale, minima[t][h]);
      }
    }
  }
}

template <typename Type, size_t Tokens>
void AddBlock(const QuantizedActivations& x, size_t b, const uint8_t* panel, const float* scales,
              Sums<Tokens>* sums) {
  constexpr size_t kGroups = Type::kStep / Type::kGroup;  // of a step
  const float* pairs = scales + 2 * kPairs<Type> * kCols;
  const float* d = pairs + kPairs<Type> * kCols;
  AddMinima<Type, Tokens>(x, b, pairs, d + kCols, sums->minima);
  __m512 block_scales[Tokens][2];
  for (size_t t = 0; t < Tokens; ++t) {
    const __m512 xd = _mm512_set1_ps(x.scales[t * x.stride / 256 + b]);
    block_scales[t][0] = _mm512_mul_ps(Load(d), xd);
    block_scales[t][1] = _mm512_mul_ps(Load(d + 16), xd);
  }
  for (size_t s = 0; s < 256 / Type::kStep; ++s) {
    __m512 step[Tokens][2];
    const int8_t* q = x.q + 256 * b + Type::kStep * s;
    AddGroup<Type, Tokens, true>(q, x.stride, panel, scales, step);
    for (size_t g = 1; g < kGroups; ++g) {
      AddGroup<Type, Tokens, false>(q + g * Type::kGroup, x.stride,
                                    panel + g * Type::kGroup * kCols, scales + g * kCols, step);
    }
#pragma GCC unroll 6
    for (size_t t = 0; t < Tokens; ++t) {
#pragma GCC unroll 2
      for (size_t h = 0; h < 2; ++h) {
        __m512& products = sums->products[t][h];
        products = _mm512_fmadd_ps(step[t][h], block_scales[t][h], products);
      }
    }
    panel += Type::kStep * kCols;
    scales += kGroups * kCols;
  }
}

template <typename Type, size_t Tokens>
void Multiply(size_t k, const QuantizedActivations& x, const uint8_t* panel, const float* scales,
              const PanelSums& out) {
  Sums<Tokens> sums;
  for (size_t t = 0; t < Tokens; ++t) {
    for (size_t h = 0; h < 2; ++h) {
      const __m512 zero = _mm512_setzero_ps();
      sums.products[t][h] = out.first ? zero : Load(out.y + t * out.ldy + 16 * h);
      sums.minima[t][h] = out.first ? zero : Load(out.minima + t * kCols + 16 * h);
    }
  }
  for (size_t b = 0; b < k / 256; ++b, panel += 256 * kCols, scales += kBlockScales<Type>) {
    AddBlock<Type>(x, b, panel, scales, &sums);
  }
  for (size_t t = 0; t < Tokens; ++t) {
    for (size_t h = 0; h < 2; ++h) {
      const __m512 products = sums.products[t][h], minima = sums.minima[t][h];
      _mm512_storeu_ps(out.y + t * out.ldy + 16 * h,
                       out.last ? _mm512_sub_ps(products, minima) : products);
      if (!out.last) _mm512_storeu_ps(out.minima + t * kCols + 16 * h, minima);
    }
  }
}

using MultiplyFn = void (*)(size_t, const QuantizedActivations&, const uint8_t*, const float*,
                            const PanelSums&);
template <typename Type>
constexpr MultiplyFn kMultiply[7] = {nullptr,           Multiply<Type, 1>, Multiply<Type, 2>,
                                     Multiply<Type, 3>, Multiply<Type, 4>, Multiply<Type, 5>,
                                     Multiply<Type, 6>};

}  // namespace

void PackPanelQ2_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<Steps2>(w, row_bytes, rows, k, panel, scales);
}

void PackPanelQ4_K_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<Steps4>(w, row_bytes, rows, k, panel, scales);
}

void MultiplyPanelQ2_K_Avx512Vnni(size_t tokens, size_t k, const QuantizedActivations& x, int32_t,
                                  const uint8_t* panel, const float* scales,
                                  const PanelSums& sums) {
  kMultiply<Steps2>[tokens](k, x, panel, scales, sums);
}

void MultiplyPanelQ4_K_Avx512Vnni(size_t tokens, size_t k, const QuantizedActivations& x, int32_t,
                                  const uint8_t* panel, const float* scales,
                                  const PanelSums& sums) {
  kMultiply<Steps4>[tokens](k, x, panel, scales, sums);
}

}  // namespace selvedge::kernels::x86
