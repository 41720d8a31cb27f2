#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/kernels/reference/half.h"
#include "core/kernels/reference/reference.h"

namespace selvedge::kernels::reference {

void RoundToHalf(const float* x, uint16_t* out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = FloatToHalf(x[i]);
}

void DotRowsHalf(const WeightView& rows, const float* x, float* y) {
  for (size_t i = 0; i < rows.rows; ++i) {
    double sum = 0;
    for (size_t j = 0; j < rows.cols; ++j) {
      uint16_t half;
      std::memcpy(&half, rows.row(i) + 2 * j, sizeof half);
      sum += double{HalfToFloat(half)} * x[j];
    }
    y[i] = static_cast<float>(sum);
  }
}

void AddRowsHalf(const WeightView& rows, const float* shrink, const float* weight, float* sum) {
  for (size_t i = 0; i < rows.rows; ++i) {
    for (size_t j = 0; j < rows.cols; ++j) {
      uint16_t half;
      std::memcpy(&half, rows.row(i) + 2 * j, sizeof half);
      sum[j] = HalfToFloat(FloatToHalf(sum[j] * shrink[i]));
      sum[j] = HalfToFloat(FloatToHalf(std::fma(weight[i], HalfToFloat(half), sum[j])));
    }
  }
}

void WeighRowsHalf(const WeightView& rows, const float* weight, float* sum) {
  for (size_t i = 0; i < rows.rows; ++i) {
    for (size_t j = 0; j < rows.cols; ++j) {
      uint16_t half;
      std::memcpy(&half, rows.row(i) + 2 * j, sizeof half);
      sum[j] = std::fma(weight[i], HalfToFloat(half), sum[j]);
    }
  }
}

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
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += x[i] * x[i];
    const auto mean_square = static_cast<float>(sum / static_cast<double>(n));
    const float scale = 1.0f / std::sqrt(mean_square + eps);
    for (size_t i = 0; i < n; ++i) out[i] = x[i] * scale * weight[i];
  }
}

void SiluMul(const float* gate, const float* up, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

double ExpMinus(float* x, size_t n, float max) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    x[i] = std::exp(x[i] - max);
    sum += x[i];
  }
  return sum;
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
