// The tables of the Arm instruction sets. Compiled without special flags.

#include "core/kernels/arm/arm_kernels.h"
#include "core/kernels/reference/dequantize.h"

namespace selvedge::kernels {
namespace {

using core::DType;
using namespace arm;  // NOLINT(google-build-using-namespace): the names of one folder

constexpr IntegerPanel kDotProdPanel = {.cols = kPanelCols, .max_tokens = kTokens_DotProd};
constexpr IntegerPanel kI8mmPanel = {.cols = kPanelCols, .max_tokens = kTokens_I8mm};

constexpr ActivationForm FormOf(DType type) {
  switch (type) {
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
      return ActivationForm::kBlocks256;
    default:
      return ActivationForm::kBlocks32;
  }
}

constexpr TypeKernels kNeonFloats[] = {
    {DType::kF32, ActivationForm::kF32, reference::DequantizeF32, DotRowsF32_Neon},
    {DType::kF16, ActivationForm::kF32, DequantizeF16_Neon, DotRowsF16_Neon},
    {DType::kBF16, ActivationForm::kF32, DequantizeBf16_Neon, DotRowsBf16_Neon},
};

#define SELVEDGE_NEON_ROW(type) \
  {DType::k##type,              \
   FormOf(DType::k##type),      \
   Dequantize##type##_Neon,     \
   nullptr,                     \
   DotRows##type##_Neon,        \
   nullptr,                     \
   nullptr,                     \
   0},
constexpr TypeKernels kNeonBlocks[] = {SELVEDGE_FOR_ARM_TYPES(SELVEDGE_NEON_ROW)};
#undef SELVEDGE_NEON_ROW

#define SELVEDGE_DOTPROD_ROW(type)                                                             \
  {DType::k##type,          FormOf(DType::k##type),    Dequantize##type##_Neon,       nullptr, \
   DotRows##type##_DotProd, PackPanel##type##_DotProd, MultiplyPanel##type##_DotProd, 0,       \
   PanelOrder::kAsDots},
constexpr TypeKernels kDotProdBlocks[] = {SELVEDGE_FOR_ARM_TYPES(SELVEDGE_DOTPROD_ROW)};
#undef SELVEDGE_DOTPROD_ROW

// One token leaves half of a matrix product unused, so dot products stay as they are.
#define SELVEDGE_I8MM_ROW(type)                                                          \
  {DType::k##type,          FormOf(DType::k##type), Dequantize##type##_Neon,    nullptr, \
   DotRows##type##_DotProd, PackPanel##type##_I8mm, MultiplyPanel##type##_I8mm, 0,       \
   PanelOrder::kAsDots},
constexpr TypeKernels kI8mmBlocks[] = {SELVEDGE_FOR_ARM_TYPES(SELVEDGE_I8MM_ROW)};
#undef SELVEDGE_I8MM_ROW

constexpr TypeTable kNeonTypes = WithRows(WithRows({}, kNeonFloats), kNeonBlocks);
constexpr TypeTable kDotProdTypes = WithRows(kNeonTypes, kDotProdBlocks);
constexpr TypeTable kI8mmTypes = WithRows(kNeonTypes, kI8mmBlocks);

constexpr KernelTable kNeon = {
    .tile_rows = 6,
    .tile_cols = 16,
    .gemm_tile = GemmTile_Neon,
    .transpose_panel = TransposePanel_Neon,
    .types = &kNeonTypes,
    .quantize_activations = QuantizeActivations_Neon,
    .quantize_activations256 = QuantizeActivations256_Neon,
    .integer_panel = nullptr,
    .int16 = nullptr,
    .round_to_half = RoundToHalf_Neon,
    .dot_rows_half = DotRowsHalf_Neon,
    .add_rows_half = AddRowsHalf_Neon,
    .weigh_rows_half = WeighRowsHalf_Neon,
    .dot = Dot_Neon,
    .axpy = Axpy_Neon,
    .rms_norm_row = RmsNormRow_Neon,
    .silu_mul = SiluMul_Neon,
    .exp_minus = ExpMinus_Neon,
    .softmax = Softmax_Neon,
    .rope_head = RopeHead_Neon,
};

constexpr KernelTable With(KernelTable table, const TypeTable* types, const IntegerPanel* panel) {
  table.types = types;
  table.integer_panel = panel;
  return table;
}

constexpr KernelTable kDotProd = With(kNeon, &kDotProdTypes, &kDotProdPanel);
constexpr KernelTable kI8mm = With(kNeon, &kI8mmTypes, &kI8mmPanel);

}  // namespace

const KernelTable& NeonTable() { return kNeon; }
const KernelTable& DotProdTable() { return kDotProd; }
const KernelTable& I8mmTable() { return kI8mm; }

}  // namespace selvedge::kernels
