// For processors without the dot product instruction (Cortex-A53, A57, A72, A73).

#include "core/kernels/arm/dot_rows.h"

namespace selvedge::kernels::arm {
namespace {

struct Neon {
  // 16-bit sums of two products: 2 * 128 * 127 < 32768, because no activation is -128.
  static int32x4_t Add(int32x4_t sum, int8x16_t a, int8x16_t b) {
    const int16x8_t pairs = vmlal_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), a, b);
    return vpadalq_s16(sum, pairs);
  }
};

}  // namespace

SELVEDGE_DEFINE_ALL_DOT_ROWS(Neon)

}  // namespace selvedge::kernels::arm
