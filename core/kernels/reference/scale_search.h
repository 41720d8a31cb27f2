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

// Sums of f(i) over n values, in eight lanes.
template <size_t n, typename F>
float SumLanes(F f) {
  float lanes[8] = {};
  for (size_t i = 0; i < n; i += 8) {
    for (size_t j = 0; j < 8; ++j) lanes[j] += f(i + j);
  }
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

struct Affine {
  float scale = 0;
  float min = 0;  // x = scale * q - min; >= 0
};

// The q of [0, levels] nearest to (x + min) / scale, and the weighted squared error.
template <size_t n>
float RoundAffine(const float* x, const float* weights, Affine a, float levels, float* q) {
  const float inverse = a.scale != 0 ? 1 / a.scale : 0;
  for (size_t i = 0; i < n; ++i) q[i] = Level((x[i] + a.min) * inverse, 0, levels);
  return SumLanes<n>([&](size_t i) {
    const float error = a.scale * q[i] - a.min - x[i];
    return weights[i] * error * error;
  });
}

// How far the grid goes: inverse scales of (levels + first + 0.1 i) / (max - min), i <= steps.
struct Grid {
  float first;
  int steps;
};

template <size_t n>
Affine FitAffine(const float* x, const float* weights, float levels, Grid grid) {
  float low = 0, high = x[0];  // 0 is always representable
  for (size_t i = 0; i < n; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  if (!(high > low)) return {0, -low};
  const float sum_w = SumLanes<n>([&](size_t i) { return weights[i]; });
  const float sum_x = SumLanes<n>([&](size_t i) { return weights[i] * x[i]; });
  float q[n];
  Affine best{(high - low) / levels, -low};
  float least = RoundAffine<n>(x, weights, best, levels, q);
  for (int step = 0; step <= grid.steps; ++step) {
    const float inverse = (levels + grid.first + 0.1f * static_cast<float>(step)) / (high - low);
    for (size_t i = 0; i < n; ++i) q[i] = Level((x[i] - low) * inverse, 0, levels);
    const float sum_q = SumLanes<n>([&](size_t i) { return weights[i] * q[i]; });
    const float sum_qq = SumLanes<n>([&](size_t i) { return weights[i] * q[i] * q[i]; });
    const float sum_qx = SumLanes<n>([&](size_t i) { return weights[i] * q[i] * x[i]; });
    const float determinant = sum_w * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) continue;
    Affine fit{(sum_w * sum_qx - sum_x * sum_q) / determinant,
               (sum_q * sum_qx - sum_qq * sum_x) / determinant};
    if (fit.min < 0) fit = {sum_qx / sum_qq, 0};
    const float error = SumLanes<n>([&](size_t i) {
      const float e = fit.scale * q[i] - fit.min - x[i];
      return weights[i] * e * e;
    });
    if (error < least) {
      least = error;
      best = fit;
    }
  }
  return best;
}

// x = scale * q with q of [-levels, levels - 1]; the value of largest magnitude comes to lie near
// -levels. 0 if all values are (nearly) 0.
template <size_t n>
float FitSymmetric(const float* x, const float* weights, float levels) {
  float largest = 0;
  for (size_t i = 0; i < n; ++i) largest = std::fabs(x[i]) > std::fabs(largest) ? x[i] : largest;
  if (!(std::fabs(largest) > 1e-15f)) return 0;
  float scale = 0, best = -1;
  float q[n];
  for (int step = -9; step <= 9; ++step) {
    const float inverse = -(levels + 0.1f * static_cast<float>(step)) / largest;
    for (size_t i = 0; i < n; ++i) q[i] = Level(x[i] * inverse, -levels, levels - 1);
    const float sum_qx = SumLanes<n>([&](size_t i) { return weights[i] * q[i] * x[i]; });
    const float sum_qq = SumLanes<n>([&](size_t i) { return weights[i] * q[i] * q[i]; });
    // The fit's squared error is sum(w x^2) - sum_qx^2 / sum_qq.
    if (sum_qq > 0 && sum_qx * sum_qx > best * sum_qq) {
      scale = sum_qx / sum_qq;
      best = scale * sum_qx;
    }
  }
  return scale;
}

}  // namespace selvedge::kernels::reference
