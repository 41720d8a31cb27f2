#pragma once
// The search for the scale (and minimum) of a few values that are to become small integers.
//
// For given integers q the best scale and minimum are a weighted least-squares fit; for given scale
// and minimum the best integers are the nearest ones. So: round with every scale of a grid around
// the one that spans the values, fit, and keep the fit with the smallest weighted squared error.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace selvedge::kernels::reference {

// Ties to even; |v| < 2^22. Unlike std::nearbyint it can be vectorised.
inline float RoundSmall(float v) { return (v + 12582912.0f) - 12582912.0f; }

// Nearest integer of [low, high]; NaN gives low.
inline float Level(float v, float low, float high) {
  v = v > low ? v : low;
  return RoundSmall(v < high ? v : high);
}

struct Affine {
  float scale = 0;
  float min = 0;  // x = scale * q - min; >= 0
};

// How far the grid goes: inverse scales of (first + 0.1 i + levels) / (max - min), i <= steps.
struct Grid {
  float first;
  int steps;
};

// q of [0, levels]. Sums run in the order of the values, so that the result is ggml's bit by bit.
template <size_t n>
Affine FitAffine(const float* x, const float* weights, float levels, Grid grid, uint8_t* q) {
  float low = x[0], high = x[0], sum_w = 0, sum_x = 0;
  for (size_t i = 0; i < n; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    sum_w += weights[i];
    sum_x += weights[i] * x[i];
  }
  if (low > 0) low = 0;  // 0 is always representable
  for (size_t i = 0; i < n; ++i) q[i] = 0;
  if (!(high > low)) return {0, -low};

  float rounded[n];
  const auto round = [&](float inverse) {
    for (size_t i = 0; i < n; ++i) rounded[i] = Level(inverse * (x[i] - low), 0, levels);
  };
  const auto error = [&](float scale, float min) {
    float sum = 0;
    for (size_t i = 0; i < n; ++i) {
      const float difference = scale * rounded[i] + min - x[i];
      sum += weights[i] * (difference * difference);
    }
    return sum;
  };
  const auto keep = [&] {
    for (size_t i = 0; i < n; ++i) q[i] = static_cast<uint8_t>(rounded[i]);
  };
  round(levels / (high - low));
  keep();
  float best_scale = 1 / (levels / (high - low));
  float least = error(best_scale, low);
  for (int step = 0; step <= grid.steps; ++step) {
    round((grid.first + 0.1f * static_cast<float>(step) + levels) / (high - low));
    float sum_q = 0, sum_qq = 0, sum_qx = 0;
    for (size_t i = 0; i < n; ++i) {
      sum_q += weights[i] * rounded[i];
      sum_qq += weights[i] * rounded[i] * rounded[i];
      sum_qx += weights[i] * rounded[i] * x[i];
    }
    const float determinant = sum_w * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) continue;
    float scale = (sum_w * sum_qx - sum_x * sum_q) / determinant;
    float min = (sum_qq * sum_x - sum_q * sum_qx) / determinant;
    if (min > 0) {
      min = 0;
      scale = sum_qx / sum_qq;
    }
    const float now = error(scale, min);
    if (!(now < least)) continue;
    least = now;
    best_scale = scale;
    low = min;  // where the next attempts begin to count
    keep();
  }
  return {best_scale, -low};
}

// x = scale * q with q of [-levels, levels - 1]; the value of largest magnitude comes to lie near
// -levels. 0 if all values are (nearly) 0. Weights are squares. Sums run in the order of the
// values, so that the scales are ggml's bit by bit.
template <size_t n>
float FitSymmetric(const float* x, float levels) {
  float largest = 0;
  for (size_t i = 0; i < n; ++i) largest = std::fabs(x[i]) > std::fabs(largest) ? x[i] : largest;
  if (!(std::fabs(largest) >= 1e-15f)) return 0;
  float scale = 0, best = 0;
  const auto attempt = [&](float inverse, bool first) {
    float sum_qx = 0, sum_qq = 0;
    for (size_t i = 0; i < n; ++i) {
      const float q = Level(inverse * x[i], -levels, levels - 1);
      const float weight = x[i] * x[i];
      sum_qx += weight * x[i] * q;
      sum_qq += weight * q * q;
    }
    // The fit's squared error is sum(w x^2) - sum_qx^2 / sum_qq.
    if (!first && !(sum_qq > 0 && sum_qx * sum_qx > best * sum_qq)) return;
    scale = sum_qq != 0 ? sum_qx / sum_qq : 0;
    best = scale * sum_qx;
  };
  attempt(-levels / largest, true);
  for (int step = -9; step <= 9; ++step) {
    if (step != 0) attempt(-(levels + 0.1f * static_cast<float>(step)) / largest, false);
  }
  return scale;
}

}  // namespace selvedge::kernels::reference
