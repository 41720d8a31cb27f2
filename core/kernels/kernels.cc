#include "core/kernels/kernels.h"

#include "core/cpu_features.h"
#include "core/kernels/dispatch.h"
#include "core/kernels/reference/reference.h"

namespace selvedge::kernels {
namespace {

bool IsInt16(GemmPrecision precision) {
  return precision == GemmPrecision::kFast && ActiveTable().int16 != nullptr;
}

}  // namespace

const KernelTable& ActiveTable() {
  static const KernelTable& table = TableFor(core::ActiveIsa());
  return table;
}

const KernelTable& TableFor(core::Isa isa) {
  switch (isa) {
#if defined(SELVEDGE_KERNELS_X86)
    case core::Isa::kAvx2:
      return Avx2Table();
    case core::Isa::kAvx512:
      return Avx512Table();
    case core::Isa::kAvx512Vnni:
      return Avx512VnniTable();
#elif defined(SELVEDGE_KERNELS_ARM)
    case core::Isa::kNeon:
      return NeonTable();
    case core::Isa::kDotProd:
      return DotProdTable();
    case core::Isa::kI8mm:
      return I8mmTable();
#endif
    default:
      return ScalarTable();
  }
}

void DequantizeRow(core::DType type, const uint8_t* src, float* dst, size_t n) {
  KernelsOf(ActiveTable(), type).dequantize(src, 0, dst, n);
}

bool QuantizeRow(core::DType type, const float* src, uint8_t* dst, size_t n) {
  return reference::QuantizeRow(type, src, dst, n);
}

void MatMul(core::ThreadPool& pool, const WeightView& w, const float* x, size_t m, float* y,
            RowSums sums) {
  MatMul(ActiveTable(), pool, w, x, m, y, sums);
}

void GemmForward(core::ThreadPool& pool, const WeightView& w, const float* x, size_t m, float* y) {
  GemmForward(ActiveTable(), pool, w, x, m, y);
}

void GemmInputGrad(core::ThreadPool& pool, const WeightView& w, const float* dy, size_t m,
                   float* dx, bool accumulate) {
  GemmInputGrad(ActiveTable(), pool, w, dy, m, dx, accumulate);
}

void GemmForward(core::ThreadPool& pool, GemmPrecision precision, const WeightView& w,
                 const float* x, size_t m, float* y) {
  if (IsInt16(precision)) return GemmForwardInt16(ActiveTable(), pool, w, x, m, y);
  GemmForward(ActiveTable(), pool, w, x, m, y);
}

void GemmInputGrad(core::ThreadPool& pool, GemmPrecision precision, const WeightView& w,
                   const float* dy, size_t m, float* dx, bool accumulate) {
  if (IsInt16(precision)) {
    return GemmInputGradInt16(ActiveTable(), pool, w, dy, m, dx, accumulate);
  }
  GemmInputGrad(ActiveTable(), pool, w, dy, m, dx, accumulate);
}

void RoundToHalf(const float* x, uint16_t* out, size_t n) {
  ActiveTable().round_to_half(x, out, n);
}

void DotRowsHalf(const WeightView& rows, const float* x, float* y) {
  ActiveTable().dot_rows_half({rows.data, rows.row_bytes, rows.rows, rows.cols}, x, y);
}

void AddRowsHalf(const WeightView& rows, const float* shrink, const float* weight, float* sum) {
  ActiveTable().add_rows_half({rows.data, rows.row_bytes, rows.rows, rows.cols}, shrink, weight,
                              sum);
}

void WeighRowsHalf(const WeightView& rows, const float* weight, float* sum) {
  ActiveTable().weigh_rows_half({rows.data, rows.row_bytes, rows.rows, rows.cols}, weight, sum);
}

float DotF32(const float* a, const float* b, size_t n) { return ActiveTable().dot(a, b, n); }

void AxpyF32(float alpha, const float* x, float* y, size_t n) {
  ActiveTable().axpy(alpha, x, y, n);
}

void RmsNorm(const float* x, const float* weight, float eps, size_t rows, size_t n, float* out) {
  for (size_t r = 0; r < rows; ++r) {
    ActiveTable().rms_norm_row(x + r * n, weight, eps, n, out + r * n);
  }
}

void SiluMul(const float* gate, const float* up, size_t n, float* out) {
  ActiveTable().silu_mul(gate, up, n, out);
}

double ExpMinus(float* x, size_t n, float max) { return ActiveTable().exp_minus(x, n, max); }

void Softmax(float* x, size_t n) { ActiveTable().softmax(x, n); }

void Rope(float* x, size_t heads, size_t head_dim, size_t rot, const float* cos, const float* sin,
          bool interleaved) {
  for (size_t h = 0; h < heads; ++h) {
    ActiveTable().rope_head(x + h * head_dim, rot, cos, sin, interleaved);
  }
}

}  // namespace selvedge::kernels
