#include "core/kernels/arm/integer_panel.h"

namespace selvedge::kernels::arm {
namespace {

// A register holds two tokens and two columns: (t, c), (t, c + 1), (t + 1, c), (t + 1, c + 1);
// registers 4p to 4p + 3 are tokens 2p and 2p + 1. An odd last token stands twice.
struct I8mm {
  static constexpr size_t kGroup = 8;
  static constexpr size_t Registers(size_t tokens) { return (tokens + 1) / 2 * 4; }

  template <size_t Tokens>
  static constexpr size_t Second(size_t pair) {
    return 2 * pair + 1 < Tokens ? 2 * pair + 1 : 2 * pair;
  }

  // 16 values of every token and column.
  template <size_t Tokens>
  static void Add16(const int8_t* panel, const int8_t* x, size_t stride, int32x4_t* sum) {
    constexpr size_t kPairs = (Tokens + 1) / 2;
#pragma GCC unroll 2
    for (size_t half = 0; half < 2; ++half, panel += 8 * kPanelCols, x += 8) {
      int8x16_t q[kPairs];
#pragma GCC unroll 3
      for (size_t p = 0; p < kPairs; ++p) {
        q[p] = vcombine_s8(vld1_s8(x + 2 * p * stride), vld1_s8(x + Second<Tokens>(p) * stride));
      }
#pragma GCC unroll 4
      for (size_t c = 0; c < 4; ++c) {
        const int8x16_t w = vld1q_s8(panel + 16 * c);
#pragma GCC unroll 3
        for (size_t p = 0; p < kPairs; ++p) sum[4 * p + c] = vmmlaq_s32(sum[4 * p + c], q[p], w);
      }
    }
  }

  // What belongs to the columns and to the tokens of register i.
  static float32x4_t Columns(const float* values, size_t i) {
    const float32x2_t two = vld1_f32(values + 2 * (i % 4));
    return vcombine_f32(two, two);
  }
  template <size_t Tokens>
  static float32x4_t OfTokens(const float* values, size_t stride, size_t i) {
    return vcombine_f32(vdup_n_f32(values[2 * (i / 4) * stride]),
                        vdup_n_f32(values[Second<Tokens>(i / 4) * stride]));
  }
  template <size_t Tokens>
  static int32x4_t OfTokens(const int16_t* values, size_t stride, size_t i) {
    return vcombine_s32(vdup_n_s32(values[2 * (i / 4) * stride]),
                        vdup_n_s32(values[Second<Tokens>(i / 4) * stride]));
  }
  template <size_t Tokens>
  static float32x4_t Load(const float* y, size_t ldy, size_t i) {
    const size_t col = 2 * (i % 4);
    return vcombine_f32(vld1_f32(y + 2 * (i / 4) * ldy + col),
                        vld1_f32(y + Second<Tokens>(i / 4) * ldy + col));
  }
  template <size_t Tokens>
  static void Store(float32x4_t v, float* y, size_t ldy, size_t i) {
    const size_t col = 2 * (i % 4);
    vst1_f32(y + 2 * (i / 4) * ldy + col, vget_low_f32(v));
    vst1_f32(y + Second<Tokens>(i / 4) * ldy + col, vget_high_f32(v));
  }
};

constexpr MultiplyTokensFn kMultiply32[kTokens_I8mm + 1] = {nullptr,
                                                            Multiply32<I8mm, false, 1>,
                                                            Multiply32<I8mm, false, 2>,
                                                            Multiply32<I8mm, false, 3>,
                                                            Multiply32<I8mm, false, 4>,
                                                            Multiply32<I8mm, false, 5>,
                                                            Multiply32<I8mm, false, 6>};
constexpr MultiplyTokensFn kMultiply32Min[kTokens_I8mm + 1] = {nullptr,
                                                               Multiply32<I8mm, true, 1>,
                                                               Multiply32<I8mm, true, 2>,
                                                               Multiply32<I8mm, true, 3>,
                                                               Multiply32<I8mm, true, 4>,
                                                               Multiply32<I8mm, true, 5>,
                                                               Multiply32<I8mm, true, 6>};
constexpr MultiplyTokensFn kMultiply256[kTokens_I8mm + 1] = {nullptr,
                                                             Multiply256<I8mm, 1>,
                                                             Multiply256<I8mm, 2>,
                                                             Multiply256<I8mm, 3>,
                                                             Multiply256<I8mm, 4>,
                                                             Multiply256<I8mm, 5>,
                                                             Multiply256<I8mm, 6>};

}  // namespace

SELVEDGE_DEFINE_ALL_PANELS(I8mm)

}  // namespace selvedge::kernels::arm
