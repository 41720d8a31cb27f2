#include <algorithm>
#include <cmath>

#include "core/kernels/reference/reference.h"

namespace selvedge::kernels::reference {

float DotF32(const float* a, const float* b, size_t n) {
  float sum = 0;
  for (size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void AxpyF32(float alpha, const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] += alpha * x[i];
}

void RmsNorm(const float* x, const float* weight, float eps, size_t rows, size_t n, float* out) {
  for (size_t r = 0; r < rows; ++r, x += n, out += n) {
    const float mean_square = DotF32(x, x, n) / static_cast<float>(n);
    const float scale = 1.0f / std::sqrt(mean_square + eps);
    for (size_t i = 0; i < n; ++i) out[i] = x[i] * scale * weight[i];
  }
}

void SiluMul(const float* gate, const float* up, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void Softmax(float* x, size_t n) {
  if (n == 0) return;
  const float largest = *std::max_element(x, x + n);
  float sum = 0;
  for (size_t i = 0; i < n; ++i) {
    x[i] = std::exp(x[i] - largest);
    sum += x[i];
  }
  for (size_t i = 0; i < n; ++i) x[i] /= sum;
}

void Rope(float* x, size_t heads, size_t head_dim, size_t rot, const float* cos, const float* sin,
          bool interleaved) {
  for (size_t h = 0; h < heads; ++h, x += head_dim) {
    for (size_t i = 0; i < rot / 2; ++i) {
      float& first = interleaved ? x[2 * i] : x[i];
      float& second = interleaved ? x[2 * i + 1] : x[i + rot / 2];
      const float a = first, b = second;
      first = a * cos[i] - b * sin[i];
      second = a * sin[i] + b * cos[i];
    }
  }
}

}  // namespace selvedge::kernels::reference
