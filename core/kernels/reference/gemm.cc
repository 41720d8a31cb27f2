#include <vector>

#include "core/kernels/reference/reference.h"

namespace selvedge::kernels::reference {
namespace {

std::vector<float> WeightRow(const WeightView& w, size_t row) {
  std::vector<float> values(w.cols);
  reference::DequantizeRow(w.type, w.row(row), values.data(), w.cols);
  return values;
}

bool IsQuantized(core::DType type) {
  return type == core::DType::kQ8_0 || type == core::DType::kQ4_0;
}

}  // namespace

void GemmForward(const WeightView& w, const float* x, size_t m, float* y) {
  for (size_t j = 0; j < w.rows; ++j) {
    const std::vector<float> row = WeightRow(w, j);
    for (size_t i = 0; i < m; ++i) y[i * w.rows + j] = DotF32(x + i * w.cols, row.data(), w.cols);
  }
}

void MatMul(const WeightView& w, const float* x, size_t m, float* y) {
  if (!IsQuantized(w.type)) return GemmForward(w, x, m, y);
  // The integer products of the fast versions are exact, so rounding the activations and going on
  // in floating point is the same sum up to f32 rounding.
  std::vector<float> rounded(m * w.cols);
  std::vector<int8_t> q(w.cols);
  std::vector<float> scales(w.cols / 32);
  for (size_t i = 0; i < m; ++i) {
    QuantizeActivations(x + i * w.cols, w.cols, q.data(), scales.data());
    for (size_t k = 0; k < w.cols; ++k) rounded[i * w.cols + k] = q[k] * scales[k / 32];
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
