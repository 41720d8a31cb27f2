#include "core/kernels/arm/integer_panel.h"

namespace selvedge::kernels::arm {
namespace {

// A register holds one token and four columns; registers 2t and 2t + 1 are token t.
struct DotProd {
  static constexpr size_t kGroup = 4;
  static constexpr size_t Registers(size_t tokens) { return 2 * tokens; }

  template <size_t Tokens, int group>
  static void AddGroup(const int8_t* panel, const int8x16_t* q, int32x4_t* sum) {
    const int8x16_t w0 = vld1q_s8(panel + group * 4 * kPanelCols);
    const int8x16_t w1 = vld1q_s8(panel + group * 4 * kPanelCols + 16);
#pragma GCC unroll 4
    for (size_t t = 0; t < Tokens; ++t) {
      sum[2 * t] = vdotq_laneq_s32(sum[2 * t], w0, q[t], group);
      sum[2 * t + 1] = vdotq_laneq_s32(sum[2 * t + 1], w1, q[t], group);
    }
  }

  // 16 values of every token and column.
  template <size_t Tokens>
  static void Add16(const int8_t* panel, const int8_t* x, size_t stride, int32x4_t* sum) {
    int8x16_t q[Tokens];
#pragma GCC unroll 4
    for (size_t t = 0; t < Tokens; ++t) q[t] = vld1q_s8(x + t * stride);
    AddGroup<Tokens, 0>(panel, q, sum);
    AddGroup<Tokens, 1>(panel, q, sum);
    AddGroup<Tokens, 2>(panel, q, sum);
    AddGroup<Tokens, 3>(panel, q, sum);
  }

  // What belongs to the columns and to the tokens of register i.
  static float32x4_t Columns(const float* values, size_t i) {
    return vld1q_f32(values + 4 * (i % 2));
  }
  template <size_t Tokens>
  static float32x4_t OfTokens(const float* values, size_t stride, size_t i) {
    return vdupq_n_f32(values[i / 2 * stride]);
  }
  template <size_t Tokens>
  static int32x4_t OfTokens(const int16_t* values, size_t stride, size_t i) {
    return vdupq_n_s32(values[i / 2 * stride]);
  }
  template <size_t Tokens>
  static float32x4_t Load(const float* y, size_t ldy, size_t i) {
    return vld1q_f32(y + i / 2 * ldy + 4 * (i % 2));
  }
  template <size_t Tokens>
  static void Store(float32x4_t v, float* y, size_t ldy, size_t i) {
    vst1q_f32(y + i / 2 * ldy + 4 * (i % 2), v);
  }
};

constexpr MultiplyTokensFn kMultiply32[kTokens_DotProd + 1] = {
    nullptr, Multiply32<DotProd, false, 1>, Multiply32<DotProd, false, 2>,
    Multiply32<DotProd, false, 3>, Multiply32<DotProd, false, 4>};
constexpr MultiplyTokensFn kMultiply32Min[kTokens_DotProd + 1] = {
    nullptr, Multiply32<DotProd, true, 1>, Multiply32<DotProd, true, 2>,
    Multiply32<DotProd, true, 3>, Multiply32<DotProd, true, 4>};
constexpr MultiplyTokensFn kMultiply256[kTokens_DotProd + 1] = {
    nullptr, Multiply256<DotProd, 1>, Multiply256<DotProd, 2>, Multiply256<DotProd, 3>,
    Multiply256<DotProd, 4>};

}  // namespace

SELVEDGE_DEFINE_ALL_PANELS(DotProd)

}  // namespace selvedge::kernels::arm
