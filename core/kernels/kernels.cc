#include "core/kernels/kernels.h"

#include "core/kernels/reference/reference.h"

namespace selvedge::kernels {

void DequantizeRow(core::DType type, const uint8_t* src, float* dst, size_t n) {
  reference::DequantizeRow(type, src, dst, n);
}
bool QuantizeRow(core::DType type, const float* src, uint8_t* dst, size_t n) {
  return reference::QuantizeRow(type, src, dst, n);
}
void MatMul(core::ThreadPool&, const WeightView& w, const float* x, size_t m, float* y) {
  reference::MatMul(w, x, m, y);
}
void GemmForward(core::ThreadPool&, const WeightView& w, const float* x, size_t m, float* y) {
  reference::GemmForward(w, x, m, y);
}
void GemmInputGrad(core::ThreadPool&, const WeightView& w, const float* dy, size_t m, float* dx,
                   bool accumulate) {
  reference::GemmInputGrad(w, dy, m, dx, accumulate);
}
float DotF32(const float* a, const float* b, size_t n) { return reference::DotF32(a, b, n); }
void AxpyF32(float alpha, const float* x, float* y, size_t n) {
  reference::AxpyF32(alpha, x, y, n);
}
void RmsNorm(const float* x, const float* weight, float eps, size_t rows, size_t n, float* out) {
  reference::RmsNorm(x, weight, eps, rows, n, out);
}
void SiluMul(const float* gate, const float* up, size_t n, float* out) {
  reference::SiluMul(gate, up, n, out);
}
void Softmax(float* x, size_t n) { reference::Softmax(x, n); }
void Rope(float* x, size_t heads, size_t head_dim, size_t rot, const float* cos, const float* sin,
          bool interleaved) {
  reference::Rope(x, heads, head_dim, rot, cos, sin, interleaved);
}

}  // namespace selvedge::kernels
