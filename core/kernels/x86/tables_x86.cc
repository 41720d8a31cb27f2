// The tables of the x86 instruction sets. Compiled without special flags.

#include "core/kernels/reference/dequantize.h"
#include "core/kernels/reference/reference.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels {
namespace {

using core::DType;
using namespace x86;  // NOLINT(google-build-using-namespace): 40 names of one folder

constexpr IntegerPanel kVnniPanel = {
    .cols = 32,
    .max_tokens = 6,
};

constexpr Int16Products kVnniInt16 = {
    .tile_rows = 7,
    .tile_cols = 32,
    .round_row = RoundRow_Avx512Vnni,
    .round_chunks = RoundChunks_Avx512Vnni,
    .round_columns = RoundColumns_Avx512Vnni,
    .multiply = MultiplyInt16_Avx512Vnni,
};

constexpr TypeKernels Floats(DType type, DequantizeFn dequantize, DotRowsF32Fn dots) {
  return {type, ActivationForm::kF32, dequantize, dots, nullptr, nullptr, nullptr, 0};
}

constexpr TypeKernels Blocks32(DType type, DequantizeFn dequantize, DotRowsI8Fn dots,
                               PackPanelFn pack = nullptr, MultiplyPanelFn multiply = nullptr,
                               int32_t offset = 0, PanelOrder order = PanelOrder::kOwn) {
  return {type, ActivationForm::kBlocks32, dequantize, nullptr, dots, pack, multiply, offset,
          order};
}

constexpr TypeKernels Blocks256(DType type, DequantizeFn dequantize, DotRowsI8Fn dots,
                                PackPanelFn pack = nullptr, MultiplyPanelFn multiply = nullptr,
                                PanelOrder order = PanelOrder::kOwn,
                                DotTokensI8Fn tokens = nullptr) {
  return {type,  ActivationForm::kBlocks256, dequantize, nullptr, dots, pack, multiply, 0, order,
          tokens};
}

constexpr TypeKernels kAvx2Rows[] = {
    Floats(DType::kF32, reference::DequantizeF32, DotRowsF32_Avx2),
    Floats(DType::kF16, DequantizeF16_Avx2, DotRowsF16_Avx2),
    Floats(DType::kBF16, DequantizeBf16_Avx2, DotRowsBf16_Avx2),
    Blocks32(DType::kQ8_0, DequantizeQ8_Avx2, DotRowsQ8_Avx2),
    Blocks32(DType::kQ4_0, DequantizeQ4_Avx2, DotRowsQ4_Avx2),
    Blocks32(DType::kQ4_1, DequantizeQ4_1_Avx2, DotRowsQ4_1_Avx2),
    Blocks32(DType::kQ5_0, DequantizeQ5_0_Avx2, DotRowsQ5_0_Avx2),
    Blocks32(DType::kQ5_1, DequantizeQ5_1_Avx2, DotRowsQ5_1_Avx2),
    Blocks32(DType::kIQ4_NL, DequantizeIq4Nl_Avx2, DotRowsIq4Nl_Avx2),
    Blocks256(DType::kQ2_K, DequantizeQ2_K_Avx2, DotRowsQ2_K_Avx2),
    Blocks256(DType::kQ3_K, DequantizeQ3_K_Avx2, DotRowsQ3_K_Avx2),
    Blocks256(DType::kQ4_K, DequantizeQ4_K_Avx2, DotRowsQ4_K_Avx2),
    Blocks256(DType::kQ5_K, DequantizeQ5_K_Avx2, DotRowsQ5_K_Avx2),
    Blocks256(DType::kQ6_K, DequantizeQ6_K_Avx2, DotRowsQ6_K_Avx2),
};

constexpr TypeKernels kAvx512Rows[] = {
    Floats(DType::kF32, reference::DequantizeF32, DotRowsF32_Avx512),
    Floats(DType::kF16, DequantizeF16_Avx512, DotRowsF16_Avx512),
    Floats(DType::kBF16, DequantizeBf16_Avx512, DotRowsBf16_Avx512),
    Blocks32(DType::kQ8_0, DequantizeQ8_Avx512, DotRowsQ8_Avx2),
    Blocks32(DType::kQ4_0, DequantizeQ4_Avx512, DotRowsQ4_Avx2),
};

constexpr TypeKernels kVnniRows[] = {
    Blocks32(DType::kQ8_0, DequantizeQ8_Avx512, DotRowsQ8_Avx512Vnni, PackPanelQ8_Avx512Vnni,
             MultiplyPanel_Avx512Vnni, 128),
    Blocks32(DType::kQ4_0, DequantizeQ4_Avx512, DotRowsQ4_Avx512Vnni, PackPanelQ4_Avx512Vnni,
             MultiplyPanel_Avx512Vnni, 8, PanelOrder::kAsDots),
    Blocks32(DType::kQ4_1, DequantizeQ4_1_Avx2, DotRowsQ4_1_Avx512Vnni),
    Blocks32(DType::kQ5_0, DequantizeQ5_0_Avx2, DotRowsQ5_0_Avx512Vnni, PackPanelQ5_0_Avx512Vnni,
             MultiplyPanel_Avx512Vnni, 16),
    Blocks32(DType::kQ5_1, DequantizeQ5_1_Avx2, DotRowsQ5_1_Avx512Vnni),
    Blocks32(DType::kIQ4_NL, DequantizeIq4Nl_Avx2, DotRowsIq4Nl_Avx512Vnni,
             PackPanelIq4Nl_Avx512Vnni, MultiplyPanel_Avx512Vnni, 128, PanelOrder::kAsDots),
    Blocks256(DType::kQ2_K, DequantizeQ2_K_Avx2, DotRowsQ2_K_Avx512Vnni, PackPanelQ2_K_Avx512Vnni,
              MultiplyPanelQ2_K_Avx512Vnni, PanelOrder::kFours),
    Blocks256(DType::kQ3_K, DequantizeQ3_K_Avx2, DotRowsQ3_K_Avx512Vnni, PackPanelQ3_K_Avx512Vnni,
              MultiplyPanel16_Avx512Vnni, PanelOrder::kOwn, DotTokensQ3_K_Avx512Vnni),
    Blocks256(DType::kQ4_K, DequantizeQ4_K_Avx2, DotRowsQ4_K_Avx512Vnni, PackPanelQ4_K_Avx512Vnni,
              MultiplyPanelQ4_K_Avx512Vnni, PanelOrder::kFours),
    Blocks256(DType::kQ5_K, DequantizeQ5_K_Avx2, DotRowsQ5_K_Avx512Vnni, PackPanelQ5_K_Avx512Vnni,
              MultiplyPanel32_Avx512Vnni, PanelOrder::kOwn, DotTokensQ5_K_Avx512Vnni),
    Blocks256(DType::kQ6_K, DequantizeQ6_K_Avx2, DotRowsQ6_K_Avx512Vnni, PackPanelQ6_K_Avx512Vnni,
              MultiplyPanel16_Avx512Vnni, PanelOrder::kOwn, DotTokensQ6_K_Avx512Vnni),
};

constexpr KernelTable kAvx2 = {
    .tile_rows = 6,
    .tile_cols = 16,
    .gemm_tile = GemmTile_Avx2,
    .transpose_panel = TransposePanel_Avx2,
    .types = nullptr,  // set below
    .quantize_activations = QuantizeActivations_Avx2,
    .quantize_activations256 = QuantizeActivations256_Avx2,
    .integer_panel = nullptr,
    .int16 = nullptr,
    .round_to_half = RoundToHalf_Avx2,
    .dot_rows_half = DotRowsHalf_Avx2,
    .add_rows_half = AddRowsHalf_Avx2,
    .weigh_rows_half = WeighRowsHalf_Avx2,
    .dot = Dot_Avx2,
    .axpy = Axpy_Avx2,
    .rms_norm_row = RmsNormRow_Avx2,
    .silu_mul = SiluMul_Avx2,
    .exp_minus = ExpMinus_Avx2,
    .softmax = Softmax_Avx2,
    .rope_head = RopeHead_Avx2,
};

constexpr KernelTable kAvx512 = {
    .tile_rows = 14,
    .tile_cols = 32,
    .gemm_tile = GemmTile_Avx512,
    .transpose_panel = TransposePanel_Avx512,
    .types = nullptr,  // set below
    .quantize_activations = QuantizeActivations_Avx2,
    .quantize_activations256 = QuantizeActivations256_Avx2,
    .integer_panel = nullptr,
    .int16 = nullptr,
    .round_to_half = RoundToHalf_Avx512,
    .dot_rows_half = DotRowsHalf_Avx512,
    .add_rows_half = AddRowsHalf_Avx512,
    .weigh_rows_half = WeighRowsHalf_Avx512,
    .dot = Dot_Avx512,
    .axpy = Axpy_Avx512,
    .rms_norm_row = RmsNormRow_Avx512,
    .silu_mul = SiluMul_Avx512,
    .exp_minus = ExpMinus_Avx512,
    .softmax = Softmax_Avx512,
    .rope_head = RopeHead_Avx512,
};

// What a set has no own version of, it takes from the one before.
const TypeTable& Avx2Types() {
  static const TypeTable types = WithRows(*ScalarTable().types, kAvx2Rows);
  return types;
}
const TypeTable& Avx512Types() {
  static const TypeTable types = WithRows(Avx2Types(), kAvx512Rows);
  return types;
}
const TypeTable& VnniTypes() {
  static const TypeTable types = WithRows(Avx512Types(), kVnniRows);
  return types;
}

KernelTable With(KernelTable table, const TypeTable& types) {
  table.types = &types;
  return table;
}

KernelTable WithVnni(KernelTable table) {
  table.integer_panel = &kVnniPanel;
  table.int16 = &kVnniInt16;
  return With(table, VnniTypes());
}

}  // namespace

const KernelTable& Avx2Table() {
  static const KernelTable table = With(kAvx2, Avx2Types());
  return table;
}

const KernelTable& Avx512Table() {
  static const KernelTable table = With(kAvx512, Avx512Types());
  return table;
}

const KernelTable& Avx512VnniTable() {
  static const KernelTable table = WithVnni(kAvx512);
  return table;
}

}  // namespace selvedge::kernels
