#include "trainer/optim/noise_trace.h"

#include <algorithm>

namespace selvedge::trainer {

void NoiseTrace::MoveMoment(double beta, double variance) {
  mm = beta * beta * mm + (1 - beta) * (1 - beta) * variance;
  mw *= beta;
  ma *= beta;
}

void NoiseTrace::MoveWeights(double gain, double keep) {
  ww += gain * (gain * mm - 2 * mw);
  mw -= gain * mm;
  wa -= gain * ma;
  const double take = 1 - keep;
  aa = keep * keep * aa + 2 * keep * take * wa + take * take * ww;
  ma = keep * ma + take * mw;
  wa = keep * wa + take * ww;
}

std::vector<float> ShrinkToStart(std::span<const float> weights, std::span<const float> start,
                                 std::span<const size_t> ends, std::span<const double> variance) {
  std::vector<float> shrunk(weights.size());
  size_t begin = 0;
  for (size_t tensor = 0; tensor < ends.size(); ++tensor) {
    double squared = 0;
    for (size_t i = begin; i < ends[tensor]; ++i) {
      const double d = static_cast<double>(weights[i]) - start[i];
      squared += d * d;
    }
    const double freedom = std::max(0.0, static_cast<double>(ends[tensor] - begin) - 2);
    const double noise = freedom * variance[tensor];
    const double keep = noise == 0 ? 1 : noise < squared ? 1 - noise / squared : 0;
    for (size_t i = begin; i < ends[tensor]; ++i) {
      const double d = static_cast<double>(weights[i]) - start[i];
      shrunk[i] = static_cast<float>(start[i] + keep * d);
    }
    begin = ends[tensor];
  }
  return shrunk;
}

}  // namespace selvedge::trainer
