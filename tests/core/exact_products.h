#pragma once
// Products with a weight in double precision, which the fast ones are compared with.

#include <vector>

#include "tests/core/kernel_cases.h"

namespace selvedge::kernels {

// x[M, K] * W^T, [M, N]; W is what the quantized weight stands for.
inline std::vector<double> ExactForward(const Weight& w, const std::vector<float>& x) {
  const size_t n = w.view.rows, k = w.view.cols, m = x.size() / k;
  std::vector<double> y(m * n);
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t p = 0; p < k; ++p) y[i * n + j] += double{x[i * k + p]} * w.values[j * k + p];
    }
  }
  return y;
}

// dy[M, N] * W, [M, K].
inline std::vector<double> ExactInputGrad(const Weight& w, const std::vector<float>& dy) {
  const size_t n = w.view.rows, k = w.view.cols, m = dy.size() / n;
  std::vector<double> dx(m * k);
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t p = 0; p < k; ++p) dx[i * k + p] += double{dy[i * n + j]} * w.values[j * k + p];
    }
  }
  return dx;
}

}  // namespace selvedge::kernels
