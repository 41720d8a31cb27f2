#pragma once
// Integer panels of all quantized types (kernel_table.h). `Tile` is the instruction: which four
// pairs of a token and a column a register of sums holds. Values are signed, so the tables' offset
// is 0. Sums are those of dot_rows.h, in its order. Anonymous namespace: as in block_values.h.
//
// A panel is [k / Tile::kGroup, kPanelCols, Tile::kGroup] bytes. Scales, for each block:
//   of 32   d [cols], and the minimum [cols] where the type has one
//   of 256  integers in the place of floats: scale [16, cols], bias [16, cols]; d, dbias [cols]

#include "core/kernels/arm/arm_kernels.h"
#include "core/kernels/arm/block_values.h"

namespace selvedge::kernels::arm {
namespace {

constexpr size_t kScales256 = 34 * kPanelCols;

// 16 values of a column.
template <typename Tile>
void Store16(int8x16_t v, uint8_t* panel, size_t col) {
  uint8_t bytes[16];
  vst1q_u8(bytes, vreinterpretq_u8_s8(v));
#pragma GCC unroll 4
  for (size_t g = 0; g < 16 / Tile::kGroup; ++g) {
    __builtin_memcpy(panel + (g * kPanelCols + col) * Tile::kGroup, bytes + g * Tile::kGroup,
                     Tile::kGroup);
  }
}

template <typename Tile, typename Type>
void Pack32(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, uint8_t* panel,
            float* scales) {
  constexpr bool kMin = Type::kMinAt != 0;
  for (size_t b = 0; b < k / 32; ++b, w += Type::kBytes, panel += 32 * kPanelCols) {
    for (size_t col = 0; col < kPanelCols; ++col) {
      const bool present = col < rows;
      const uint8_t* block = w + (present ? col : 0) * row_bytes;
      const int8x16x2_t q = Type::Load(block);
      const int8x16_t keep = vdupq_n_s8(present ? -1 : 0);
      Store16<Tile>(vandq_s8(q.val[0], keep), panel, col);
      Store16<Tile>(vandq_s8(q.val[1], keep), panel + 16 * kPanelCols, col);
      scales[col] = present ? HalfAt(block) : 0.0f;
      if constexpr (kMin) {
        scales[kPanelCols + col] = present ? HalfAt(block + Type::kMinAt) : 0.0f;
      }
    }
    scales += (kMin ? 2 : 1) * kPanelCols;
  }
}

template <typename Tile, typename Type, int run>
void StoreRun(const uint8_t* block, uint8_t* panel, size_t col) {
  const uint8x16x2_t levels = Type::template Levels<run>(block);
  Store16<Tile>(Signed(levels.val[0]), panel + 32 * run * kPanelCols, col);
  Store16<Tile>(Signed(levels.val[1]), panel + (32 * run + 16) * kPanelCols, col);
}

// One column of a block, with its scales.
template <typename Tile, typename Type>
void PackColumn256(const uint8_t* block, uint8_t* panel, float* scales, size_t col) {
  StoreRun<Tile, Type, 0>(block, panel, col);
  StoreRun<Tile, Type, 1>(block, panel, col);
  StoreRun<Tile, Type, 2>(block, panel, col);
  StoreRun<Tile, Type, 3>(block, panel, col);
  StoreRun<Tile, Type, 4>(block, panel, col);
  StoreRun<Tile, Type, 5>(block, panel, col);
  StoreRun<Tile, Type, 6>(block, panel, col);
  StoreRun<Tile, Type, 7>(block, panel, col);
  int8_t scale[16];
  int16_t bias[16];
  vst1q_s8(scale, Type::Scales(block));
  const int16x8x2_t biases = Biases<Type>(block);
  vst1q_s16(bias, biases.val[0]);
  vst1q_s16(bias + 8, biases.val[1]);
  for (size_t i = 0; i < 16; ++i) {
    const int32_t s = scale[i], m = bias[i];
    __builtin_memcpy(scales + i * kPanelCols + col, &s, sizeof s);
    __builtin_memcpy(scales + (16 + i) * kPanelCols + col, &m, sizeof m);
  }
  BlockScales<Type>(block, scales + 32 * kPanelCols + col, scales + 33 * kPanelCols + col);
}

template <typename Tile, typename Type>
void Pack256(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, uint8_t* panel,
             float* scales) {
  for (size_t b = 0; b < k / 256; ++b, w += Type::kBytes) {
    if (rows < kPanelCols) {
      __builtin_memset(panel, 0, 256 * kPanelCols);
      __builtin_memset(scales, 0, kScales256 * sizeof(float));
    }
    for (size_t col = 0; col < rows; ++col) {
      PackColumn256<Tile, Type>(w + col * row_bytes, panel, scales, col);
    }
    panel += 256 * kPanelCols;
    scales += kScales256;
  }
}

// y[tokens, cols] (+)= x * panel^T for blocks of 32.
template <typename Tile, bool kMin, size_t Tokens>
void Multiply32(size_t k, const QuantizedActivations& x, const uint8_t* bytes, const float* scales,
                const PanelSums& sums) {
  constexpr size_t kRegisters = Tile::Registers(Tokens);
  const auto* panel = reinterpret_cast<const int8_t*>(bytes);
  const size_t stride = x.stride / 32;
  float32x4_t acc[kRegisters];
#pragma GCC unroll 16
  for (size_t i = 0; i < kRegisters; ++i) {
    acc[i] = sums.first ? vdupq_n_f32(0) : Tile::template Load<Tokens>(sums.y, sums.ldy, i);
  }
  for (size_t b = 0; b < k / 32; ++b, panel += 32 * kPanelCols) {
    int32x4_t sum[kRegisters];
#pragma GCC unroll 16
    for (size_t i = 0; i < kRegisters; ++i) sum[i] = vdupq_n_s32(0);
    Tile::template Add16<Tokens>(panel, x.q + 32 * b, x.stride, sum);
    Tile::template Add16<Tokens>(panel + 16 * kPanelCols, x.q + 32 * b + 16, x.stride, sum);
#pragma GCC unroll 16
    for (size_t i = 0; i < kRegisters; ++i) {
      const float32x4_t scale = vmulq_f32(Tile::Columns(scales, i),
                                          Tile::template OfTokens<Tokens>(x.scales + b, stride, i));
      acc[i] = vfmaq_f32(acc[i], vcvtq_f32_s32(sum[i]), scale);
      if constexpr (kMin) {
        acc[i] = vfmaq_f32(acc[i], Tile::Columns(scales + kPanelCols, i),
                           Tile::template OfTokens<Tokens>(x.weighted_sums + b, stride, i));
      }
    }
    scales += (kMin ? 2 : 1) * kPanelCols;
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kRegisters; ++i) Tile::template Store<Tokens>(acc[i], sums.y, sums.ldy, i);
}

template <typename Tile>
int32x4_t IntegerColumns(const float* scales, size_t i) {
  return vreinterpretq_s32_f32(Tile::Columns(scales, i));
}

// The biases of a block into acc.
template <typename Tile, size_t Tokens>
void AddBiases256(const QuantizedActivations& x, size_t block, const float* scales,
                  float32x4_t* acc) {
  constexpr size_t kRegisters = Tile::Registers(Tokens);
  int32x4_t sum[kRegisters];
#pragma GCC unroll 16
  for (size_t i = 0; i < kRegisters; ++i) sum[i] = vdupq_n_s32(0);
  for (size_t g = 0; g < 16; ++g) {
    const int16_t* sums16 = x.sums16 + 16 * block + g;
#pragma GCC unroll 16
    for (size_t i = 0; i < kRegisters; ++i) {
      sum[i] = vmlaq_s32(sum[i], IntegerColumns<Tile>(scales + (16 + g) * kPanelCols, i),
                         Tile::template OfTokens<Tokens>(sums16, x.stride / 16, i));
    }
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kRegisters; ++i) {
    const float32x4_t scale =
        vmulq_f32(Tile::Columns(scales + 33 * kPanelCols, i),
                  Tile::template OfTokens<Tokens>(x.scales + block, x.stride / 256, i));
    acc[i] = vfmaq_f32(acc[i], vcvtq_f32_s32(sum[i]), scale);
  }
}

// y[tokens, cols] (+)= x * panel^T for blocks of 256.
template <typename Tile, size_t Tokens>
void Multiply256(size_t k, const QuantizedActivations& x, const uint8_t* bytes, const float* scales,
                 const PanelSums& sums) {
  constexpr size_t kRegisters = Tile::Registers(Tokens);
  const auto* panel = reinterpret_cast<const int8_t*>(bytes);
  float32x4_t acc[kRegisters];
#pragma GCC unroll 16
  for (size_t i = 0; i < kRegisters; ++i) {
    acc[i] = sums.first ? vdupq_n_f32(0) : Tile::template Load<Tokens>(sums.y, sums.ldy, i);
  }
  for (size_t b = 0; b < k / 256; ++b, scales += kScales256) {
    AddBiases256<Tile, Tokens>(x, b, scales, acc);
    int32x4_t products[kRegisters];
#pragma GCC unroll 16
    for (size_t i = 0; i < kRegisters; ++i) products[i] = vdupq_n_s32(0);
    for (size_t g = 0; g < 16; ++g, panel += 16 * kPanelCols) {
      int32x4_t sum[kRegisters];
#pragma GCC unroll 16
      for (size_t i = 0; i < kRegisters; ++i) sum[i] = vdupq_n_s32(0);
      Tile::template Add16<Tokens>(panel, x.q + 256 * b + 16 * g, x.stride, sum);
#pragma GCC unroll 16
      for (size_t i = 0; i < kRegisters; ++i) {
        products[i] =
            vmlaq_s32(products[i], sum[i], IntegerColumns<Tile>(scales + g * kPanelCols, i));
      }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < kRegisters; ++i) {
      const float32x4_t scale =
          vmulq_f32(Tile::Columns(scales + 32 * kPanelCols, i),
                    Tile::template OfTokens<Tokens>(x.scales + b, x.stride / 256, i));
      acc[i] = vfmaq_f32(acc[i], vcvtq_f32_s32(products[i]), scale);
    }
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kRegisters; ++i) Tile::template Store<Tokens>(acc[i], sums.y, sums.ldy, i);
}

using MultiplyTokensFn = void (*)(size_t, const QuantizedActivations&, const uint8_t*, const float*,
                                  const PanelSums&);

}  // namespace

// `kernels` is what kMultiply (of the file, by number of tokens) holds for the type.
#define SELVEDGE_DEFINE_PANEL(type, isa, pack, kernels)                                    \
  void PackPanel##type##_##isa(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,  \
                               uint8_t* panel, float* scales) {                            \
    pack<isa, type>(w, row_bytes, rows, k, panel, scales);                                 \
  }                                                                                        \
  void MultiplyPanel##type##_##isa(size_t tokens, size_t k, const QuantizedActivations& x, \
                                   int32_t, const uint8_t* panel, const float* scales,     \
                                   const PanelSums& sums) {                                \
    kernels[tokens](k, x, panel, scales, sums);                                            \
  }
#define SELVEDGE_DEFINE_ALL_PANELS(isa)                    \
  SELVEDGE_DEFINE_PANEL(Q8_0, isa, Pack32, kMultiply32)    \
  SELVEDGE_DEFINE_PANEL(Q4_0, isa, Pack32, kMultiply32)    \
  SELVEDGE_DEFINE_PANEL(Q4_1, isa, Pack32, kMultiply32Min) \
  SELVEDGE_DEFINE_PANEL(Q5_0, isa, Pack32, kMultiply32)    \
  SELVEDGE_DEFINE_PANEL(Q5_1, isa, Pack32, kMultiply32Min) \
  SELVEDGE_DEFINE_PANEL(IQ4_NL, isa, Pack32, kMultiply32)  \
  SELVEDGE_DEFINE_PANEL(Q2_K, isa, Pack256, kMultiply256)  \
  SELVEDGE_DEFINE_PANEL(Q3_K, isa, Pack256, kMultiply256)  \
  SELVEDGE_DEFINE_PANEL(Q4_K, isa, Pack256, kMultiply256)  \
  SELVEDGE_DEFINE_PANEL(Q5_K, isa, Pack256, kMultiply256)  \
  SELVEDGE_DEFINE_PANEL(Q6_K, isa, Pack256, kMultiply256)

}  // namespace selvedge::kernels::arm
