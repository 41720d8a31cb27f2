// The tables of the x86 instruction sets. Compiled without special flags.

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels {
namespace {

using namespace x86;  // NOLINT(google-build-using-namespace): 40 names of one folder

constexpr IntegerPanel kVnniPanel = {
    .cols = 32,
    .max_tokens = 6,
    .pack_q8_0 = PackPanelQ8_Avx512Vnni,
    .pack_q4_0 = PackPanelQ4_Avx512Vnni,
    .multiply = MultiplyPanel_Avx512Vnni,
};

constexpr Int16Products kVnniInt16 = {
    .tile_rows = 7,
    .tile_cols = 32,
    .round_row = RoundRow_Avx512Vnni,
    .round_chunks = RoundChunks_Avx512Vnni,
    .round_columns = RoundColumns_Avx512Vnni,
    .multiply = MultiplyInt16_Avx512Vnni,
};

constexpr KernelTable kAvx2 = {
    .tile_rows = 6,
    .tile_cols = 16,
    .gemm_tile = GemmTile_Avx2,
    .transpose_panel = TransposePanel_Avx2,
    .dequantize_f16 = DequantizeF16_Avx2,
    .dequantize_bf16 = DequantizeBf16_Avx2,
    .dequantize_q8_0 = DequantizeQ8_Avx2,
    .dequantize_q4_0 = DequantizeQ4_Avx2,
    .dot_rows_f32 = DotRowsF32_Avx2,
    .dot_rows_f16 = DotRowsF16_Avx2,
    .dot_rows_bf16 = DotRowsBf16_Avx2,
    .dot_rows_q8_0 = DotRowsQ8_Avx2,
    .dot_rows_q4_0 = DotRowsQ4_Avx2,
    .quantize_activations = QuantizeActivations_Avx2,
    .integer_panel = nullptr,
    .int16 = nullptr,
    .dot = Dot_Avx2,
    .axpy = Axpy_Avx2,
    .rms_norm_row = RmsNormRow_Avx2,
    .silu_mul = SiluMul_Avx2,
    .softmax = Softmax_Avx2,
    .rope_head = RopeHead_Avx2,
};

constexpr KernelTable kAvx512 = {
    .tile_rows = 14,
    .tile_cols = 32,
    .gemm_tile = GemmTile_Avx512,
    .transpose_panel = TransposePanel_Avx512,
    .dequantize_f16 = DequantizeF16_Avx512,
    .dequantize_bf16 = DequantizeBf16_Avx512,
    .dequantize_q8_0 = DequantizeQ8_Avx512,
    .dequantize_q4_0 = DequantizeQ4_Avx512,
    .dot_rows_f32 = DotRowsF32_Avx512,
    .dot_rows_f16 = DotRowsF16_Avx512,
    .dot_rows_bf16 = DotRowsBf16_Avx512,
    .dot_rows_q8_0 = DotRowsQ8_Avx2,
    .dot_rows_q4_0 = DotRowsQ4_Avx2,
    .quantize_activations = QuantizeActivations_Avx2,
    .integer_panel = nullptr,
    .int16 = nullptr,
    .dot = Dot_Avx512,
    .axpy = Axpy_Avx512,
    .rms_norm_row = RmsNormRow_Avx512,
    .silu_mul = SiluMul_Avx512,
    .softmax = Softmax_Avx512,
    .rope_head = RopeHead_Avx512,
};

constexpr KernelTable WithVnni(KernelTable table) {
  table.dot_rows_q8_0 = DotRowsQ8_Avx512Vnni;
  table.dot_rows_q4_0 = DotRowsQ4_Avx512Vnni;
  table.integer_panel = &kVnniPanel;
  table.int16 = &kVnniInt16;
  return table;
}
constexpr KernelTable kAvx512Vnni = WithVnni(kAvx512);

}  // namespace

const KernelTable& Avx2Table() { return kAvx2; }
const KernelTable& Avx512Table() { return kAvx512; }
const KernelTable& Avx512VnniTable() { return kAvx512Vnni; }

}  // namespace selvedge::kernels
