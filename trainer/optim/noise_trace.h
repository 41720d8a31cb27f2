#pragma once
// How much of the added noise is in what an optimizer has made of its gradients.
//
// First moment, weights and average of the iterates are linear in the gradients, with factors that
// are equal for all coordinates of a tensor. So the variance of the noise in them is known, and
// what is known can be taken into account: all of it is post-processing. The variance leaves out
// that later gradients, taken at noised weights, partly undo the noise: it is an upper estimate.

#include <cstddef>
#include <span>
#include <vector>

namespace selvedge::trainer {

// Covariance, per coordinate of one tensor, of the noise in first moment (m), weights (w) and
// average (a).
struct NoiseTrace {
  double mm = 0, mw = 0, ma = 0, ww = 0, wa = 0, aa = 0;

  // m <- beta m + (1 - beta) g, where g has independent noise of this variance.
  void MoveMoment(double beta, double variance);
  // w <- w - gain m, then a <- keep a + (1 - keep) w.
  void MoveWeights(double gain, double keep);
};

// Weights with each tensor's distance from `start` shrunk by max(0, 1 - (n - 2) s^2 / d^2), where n
// is the number of its coordinates, d the distance and s^2 its variance of noise: the positive-part
// estimator of James and Stein (1961, section 2; positive part: Baranchik 1964), which has a
// smaller expected squared error than the weights as they are, whatever the true ones. A tensor
// that learnt nothing above its noise goes back to its start.
//   weights, start [P]; ends: where each tensor ends, ascending; variance: one for each tensor
std::vector<float> ShrinkToStart(std::span<const float> weights, std::span<const float> start,
                                 std::span<const size_t> ends, std::span<const double> variance);

}  // namespace selvedge::trainer
