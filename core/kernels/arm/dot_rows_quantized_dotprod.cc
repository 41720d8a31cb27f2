#include "core/kernels/arm/dot_rows.h"

namespace selvedge::kernels::arm {
namespace {

struct DotProd {
  static int32x4_t Add(int32x4_t sum, int8x16_t a, int8x16_t b) { return vdotq_s32(sum, a, b); }
};

}  // namespace

SELVEDGE_DEFINE_ALL_DOT_ROWS(DotProd)

}  // namespace selvedge::kernels::arm
