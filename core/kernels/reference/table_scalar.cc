// The table of processors without a better one: the scalar twins, and plain loops that a compiler
// can vectorise with the baseline instructions.

#include "core/kernels/kernel_table.h"
#include "core/kernels/reference/dequantize.h"
#include "core/kernels/reference/reference.h"

namespace selvedge::kernels {
namespace {

using core::DType;
using reference::Run;

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

// Piece by piece through a small buffer, so that a row of any length needs no allocation.
template <DequantizeFn dequantize>
void DotRowsF32(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                float* y) {
  for (size_t r = 0; r < rows; ++r) {
    y[r] = 0;
    for (size_t p = 0; p < k; p += kPanelDepth) {
      float piece[kPanelDepth];
      const size_t n = k - p < kPanelDepth ? k - p : kPanelDepth;
      dequantize(w + r * row_bytes, p, piece, n);
      y[r] += reference::DotF32(piece, x + p, n);
    }
  }
}

int32_t Dot16(const int8_t* a, const int8_t* b) {
  int32_t sum = 0;
  for (size_t j = 0; j < 16; ++j) sum += a[j] * b[j];
  return sum;
}

// Blocks of 32: one scale, and a minimum that meets the sum of the activations.
template <typename Block>
void DotRows32(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
               const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; ++r) {
    y[r] = 0;
    for (size_t b = 0; b < k / 32; ++b) {
      Run run;
      Block::Read(w + r * row_bytes + b * Block::kBytes, 0, &run);
      const int32_t sum = Dot16(run.q, x.q + 32 * b) + Dot16(run.q + 16, x.q + 32 * b + 16);
      y[r] += static_cast<float>(sum) * (run.d * x.scales[b]) -
              run.dmin * static_cast<float>(run.min[0]) * x.weighted_sums[b];
    }
  }
}

// Blocks of 256: the products with their integer scales and minima are summed exactly.
template <typename Block>
void DotRows256(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; ++r) {
    y[r] = 0;
    for (size_t b = 0; b < k / 256; ++b) {
      const int8_t* q = x.q + 256 * b;
      const int16_t* sums = x.sums16 + 16 * b;
      Run run;
      int32_t products = 0, minima = 0;
      for (size_t i = 0; i < 8; ++i) {
        Block::Read(w + r * row_bytes + b * Block::kBytes, i, &run);
        for (size_t h = 0; h < 2; ++h) {
          products += run.scale[h] * Dot16(run.q + 16 * h, q + 32 * i + 16 * h);
          minima += run.min[h] * sums[2 * i + h];
        }
      }
      y[r] += x.scales[b] * run.d * static_cast<float>(products) -
              x.scales[b] * run.dmin * static_cast<float>(minima);
    }
  }
}

void DotRowsHalf(const HalfRows& rows, const float* x, float* y) {
  reference::DotRowsHalf({rows.data, DType::kF16, rows.rows, rows.cols, rows.row_bytes}, x, y);
}

void AddRowsHalf(const HalfRows& rows, const float* shrink, const float* weight, float* sum) {
  reference::AddRowsHalf({rows.data, DType::kF16, rows.rows, rows.cols, rows.row_bytes}, shrink,
                         weight, sum);
}

void WeighRowsHalf(const HalfRows& rows, const float* weight, float* sum) {
  reference::WeighRowsHalf({rows.data, DType::kF16, rows.rows, rows.cols, rows.row_bytes}, weight,
                           sum);
}

void RmsNormRow(const float* x, const float* weight, float eps, size_t n, float* out) {
  reference::RmsNorm(x, weight, eps, 1, n, out);
}

void RopeHead(float* x, size_t rot, const float* cos, const float* sin, bool interleaved) {
  reference::Rope(x, 1, rot, rot, cos, sin, interleaved);
}

template <DequantizeFn dequantize>
constexpr TypeKernels FloatType(DType type) {
  return {type, ActivationForm::kF32, dequantize, DotRowsF32<dequantize>, nullptr, nullptr, nullptr,
          0};
}

template <typename Block>
constexpr TypeKernels BlockType(DType type) {
  constexpr bool kSmall = Block::kValues == 32;
  return {type,
          kSmall ? ActivationForm::kBlocks32 : ActivationForm::kBlocks256,
          reference::DequantizeBlocks<Block>,
          nullptr,
          kSmall ? DotRows32<Block> : DotRows256<Block>,
          nullptr,
          nullptr,
          0};
}

constexpr TypeKernels kRows[] = {
    FloatType<reference::DequantizeF32>(DType::kF32),
    FloatType<reference::DequantizeF16>(DType::kF16),
    FloatType<reference::DequantizeBf16>(DType::kBF16),
    BlockType<reference::Q8_0Block>(DType::kQ8_0),
    BlockType<reference::Q4_0Block>(DType::kQ4_0),
    BlockType<reference::Q4_1Block>(DType::kQ4_1),
    BlockType<reference::Q5_0Block>(DType::kQ5_0),
    BlockType<reference::Q5_1Block>(DType::kQ5_1),
    BlockType<reference::Iq4NlBlock>(DType::kIQ4_NL),
    BlockType<reference::Q2_KBlock>(DType::kQ2_K),
    BlockType<reference::Q3_KBlock>(DType::kQ3_K),
    BlockType<reference::Q4_KBlock>(DType::kQ4_K),
    BlockType<reference::Q5_KBlock>(DType::kQ5_K),
    BlockType<reference::Q6_KBlock>(DType::kQ6_K),
};
constexpr TypeTable kTypes = WithRows({}, kRows);

constexpr KernelTable kScalar = {
    .tile_rows = kTileRows,
    .tile_cols = kTileCols,
    .gemm_tile = GemmTile,
    .transpose_panel = TransposePanel,
    .types = &kTypes,
    .quantize_activations = reference::QuantizeActivations,
    .quantize_activations256 = reference::QuantizeActivations256,
    .integer_panel = nullptr,
    .int16 = nullptr,
    .round_to_half = reference::RoundToHalf,
    .dot_rows_half = DotRowsHalf,
    .add_rows_half = AddRowsHalf,
    .weigh_rows_half = WeighRowsHalf,
    .dot = reference::DotF32,
    .axpy = reference::AxpyF32,
    .rms_norm_row = RmsNormRow,
    .silu_mul = reference::SiluMul,
    .exp_minus = reference::ExpMinus,
    .softmax = reference::Softmax,
    .rope_head = RopeHead,
};

}  // namespace

const KernelTable& ScalarTable() { return kScalar; }

}  // namespace selvedge::kernels
