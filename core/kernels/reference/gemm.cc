#include <vector>

#include "core/kernels/reference/reference.h"

namespace selvedge::kernels::reference {
namespace {

std::vector<float> WeightRow(const WeightView& w, size_t row) {
  std::vector<float> values(w.cols);
  reference::DequantizeRow(w.type, w.row(row), values.data(), w.cols);
  return values;
}

}  // namespace

void GemmForward(const WeightView& w, const float* x, size_t m, float* y) {
  for (size_t j = 0; j < w.rows; ++j) {
    const std::vector<float> row = WeightRow(w, j);
    for (size_t i = 0; i < m; ++i) y[i * w.rows + j] = DotF32(x + i * w.cols, row.data(), w.cols);
  }
}

void MatMul(const WeightView& w, const float* x, size_t m, float* y) {
  const size_t block = core::FindDType(w.type)->block_values;
  if (block == 1) return GemmForward(w, x, m, y);
  // The integer products of the fast versions are exact, so rounding the activations and going on
  // in floating point is the same sum up to f32 rounding.
  std::vector<float> rounded(m * w.cols);
  std::vector<int8_t> q(w.cols);
  std::vector<float> scales(w.cols / block), weighted_sums(w.cols / 32);
  std::vector<int32_t> sums(w.cols / 32);
  std::vector<int16_t> sums16(w.cols / 16);
  for (size_t i = 0; i < m; ++i) {
    const float* row = x + i * w.cols;
    if (block == 32) {
      QuantizeActivations(row, w.cols, q.data(), scales.data(), sums.data(), weighted_sums.data());
    } else {
      QuantizeActivations256(row, w.cols, q.data(), scales.data(), sums16.data());
    }
    for (size_t k = 0; k < w.cols; ++k) rounded[i * w.cols + k] = q[k] * scales[k / block];
  }
  GemmForward(w, rounded.data(), m, y);
}

void GemmInputGrad(const WeightView& w, const float* dy, size_t m, float* dx, bool accumulate) {
  if (!accumulate) {
    for (size_t i = 0; i < m * w.cols; ++i) dx[i] = 0;
  }
  for (size_t j = 0; j < w.rows; ++j) {
    const std::vector<float> row = WeightRow(w, j);
    for (size_t i = 0; i < m; ++i) {
      AxpyF32(dy[i * w.rows + j], row.data(), dx + i * w.cols, w.cols);
    }
  }
}

}  // namespace selvedge::kernels::reference
