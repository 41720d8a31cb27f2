// The table of processors without a better one: the scalar twins, and plain loops that a compiler
// can vectorise with the baseline instructions.

#include "core/kernels/kernel_table.h"
#include "core/kernels/reference/reference.h"

namespace selvedge::kernels {
namespace {

using core::DType;

constexpr size_t kTileRows = 4;
constexpr size_t kTileCols = 8;

void GemmTile(size_t rows, size_t k, const float* a, const float* b, float* c, size_t ldc,
              bool add) {
  float acc[kTileRows][kTileCols];
  for (size_t i = 0; i < kTileRows; ++i) {
    for (size_t j = 0; j < kTileCols; ++j) acc[i][j] = add && i < rows ? c[i * ldc + j] : 0.0f;
  }
  for (size_t p = 0; p < k; ++p) {
    for (size_t i = 0; i < kTileRows; ++i) {
      const float ai = i < rows ? a[i * kPanelStride + p] : 0.0f;
      for (size_t j = 0; j < kTileCols; ++j) acc[i][j] += ai * b[p * kTileCols + j];
    }
  }
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < kTileCols; ++j) c[i * ldc + j] = acc[i][j];
  }
}

void TransposePanel(const float* src, size_t k, float* dst) {
  for (size_t p = 0; p < k; ++p) {
    for (size_t j = 0; j < kTileCols; ++j) dst[p * kTileCols + j] = src[j * kPanelStride + p];
  }
}

template <DType type>
void Dequantize(const uint8_t* src, float* dst, size_t n) {
  reference::DequantizeRow(type, src, dst, n);
}

// Piece by piece through a small buffer, so that a row of any length needs no allocation.
template <DType type>
void DotRowsF32(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                float* y) {
  const core::DTypeInfo& info = *core::FindDType(type);
  for (size_t r = 0; r < rows; ++r) {
    y[r] = 0;
    for (size_t p = 0; p < k; p += kPanelDepth) {
      float piece[kPanelDepth];
      const size_t n = k - p < kPanelDepth ? k - p : kPanelDepth;
      reference::DequantizeRow(type, w + r * row_bytes + core::RowBytes(info, p), piece, n);
      y[r] += reference::DotF32(piece, x + p, n);
    }
  }
}

void DotRowsQ8(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
               const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; ++r) {
    y[r] = 0;
    for (size_t b = 0; b < k / 32; ++b) {
      const uint8_t* block = w + r * row_bytes + 34 * b;
      int32_t sum = 0;
      for (size_t j = 0; j < 32; ++j) sum += static_cast<int8_t>(block[2 + j]) * x.q[32 * b + j];
      float d;
      reference::DequantizeRow(DType::kF16, block, &d, 1);
      y[r] += static_cast<float>(sum) * (d * x.scales[b]);
    }
  }
}

void DotRowsQ4(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
               const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; ++r) {
    y[r] = 0;
    for (size_t b = 0; b < k / 32; ++b) {
      const uint8_t* block = w + r * row_bytes + 18 * b;
      const int8_t* q = x.q + 32 * b;
      int32_t sum = 0;
      for (size_t j = 0; j < 16; ++j) {
        sum += ((block[2 + j] & 15) - 8) * q[j] + ((block[2 + j] >> 4) - 8) * q[16 + j];
      }
      float d;
      reference::DequantizeRow(DType::kF16, block, &d, 1);
      y[r] += static_cast<float>(sum) * (d * x.scales[b]);
    }
  }
}

void QuantizeActivations(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums) {
  reference::QuantizeActivations(x, n, q, scales);
  for (size_t b = 0; b < n / 32; ++b) {
    sums[b] = 0;
    for (size_t j = 0; j < 32; ++j) sums[b] += q[32 * b + j];
  }
}

void RmsNormRow(const float* x, const float* weight, float eps, size_t n, float* out) {
  reference::RmsNorm(x, weight, eps, 1, n, out);
}

void RopeHead(float* x, size_t rot, const float* cos, const float* sin, bool interleaved) {
  reference::Rope(x, 1, rot, rot, cos, sin, interleaved);
}

constexpr KernelTable kScalar = {
    .tile_rows = kTileRows,
    .tile_cols = kTileCols,
    .gemm_tile = GemmTile,
    .transpose_panel = TransposePanel,
    .dequantize_f16 = Dequantize<DType::kF16>,
    .dequantize_bf16 = Dequantize<DType::kBF16>,
    .dequantize_q8_0 = Dequantize<DType::kQ8_0>,
    .dequantize_q4_0 = Dequantize<DType::kQ4_0>,
    .dot_rows_f32 = DotRowsF32<DType::kF32>,
    .dot_rows_f16 = DotRowsF32<DType::kF16>,
    .dot_rows_bf16 = DotRowsF32<DType::kBF16>,
    .dot_rows_q8_0 = DotRowsQ8,
    .dot_rows_q4_0 = DotRowsQ4,
    .quantize_activations = QuantizeActivations,
    .integer_panel = nullptr,
    .int16 = nullptr,
    .dot = reference::DotF32,
    .axpy = reference::AxpyF32,
    .rms_norm_row = RmsNormRow,
    .silu_mul = reference::SiluMul,
    .softmax = reference::Softmax,
    .rope_head = RopeHead,
};

}  // namespace

const KernelTable& ScalarTable() { return kScalar; }

}  // namespace selvedge::kernels
