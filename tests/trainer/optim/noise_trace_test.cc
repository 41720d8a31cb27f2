#include "trainer/optim/noise_trace.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace selvedge::trainer {
namespace {

TEST(NoiseTrace, KnowsTheVarianceThatASimulationFinds) {
  // 20,000 coordinates of pure noise through the recursion itself; the standard error of a variance
  // is 1 % of it, the bound five of them.
  constexpr size_t kCoordinates = 20000;
  std::mt19937 random(7);
  std::normal_distribution<double> normal(0, 1);
  std::vector<double> m(kCoordinates), w(kCoordinates), a(kCoordinates);
  NoiseTrace trace;
  for (int step = 0; step < 12; ++step) {
    const double deviation = 0.5 + 0.1 * step;
    const double gain = 0.3 / (1 + step);
    const double keep = step == 0 ? 0 : 0.6;
    trace.MoveMoment(0.9, deviation * deviation);
    trace.MoveWeights(gain, keep);
    for (size_t i = 0; i < kCoordinates; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * deviation * normal(random);
      w[i] -= gain * m[i];
      a[i] = keep * a[i] + (1 - keep) * w[i];
    }
  }
  const auto product = [](const std::vector<double>& x, const std::vector<double>& y) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum / kCoordinates;
  };
  EXPECT_NEAR(product(m, m) / trace.mm, 1, 0.05);
  EXPECT_NEAR(product(m, w) / trace.mw, 1, 0.05);
  EXPECT_NEAR(product(m, a) / trace.ma, 1, 0.05);
  EXPECT_NEAR(product(w, w) / trace.ww, 1, 0.05);
  EXPECT_NEAR(product(w, a) / trace.wa, 1, 0.05);
  EXPECT_NEAR(product(a, a) / trace.aa, 1, 0.05);
}

TEST(ShrinkToStart, FollowsJamesAndStein) {
  // Two tensors of four: distance squared 16 and 4, noise (4 - 2) * 2 = 4 and (4 - 2) * 3 = 6.
  const std::vector<float> start = {1, 1, 1, 1, 5, 5, 5, 5};
  const std::vector<float> weights = {3, 3, 3, 3, 6, 6, 6, 6};
  const std::vector<size_t> ends = {4, 8};
  const std::vector<double> variance = {2, 3};
  const std::vector<float> shrunk = ShrinkToStart(weights, start, ends, variance);
  for (size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(shrunk[i], 1 + 0.75f * 2);
  for (size_t i = 4; i < 8; ++i) EXPECT_FLOAT_EQ(shrunk[i], 5) << "never past the start";
}

TEST(ShrinkToStart, KeepsWhatHasNoNoise) {
  const std::vector<float> weights = {3, -2, 0.5f};
  EXPECT_EQ(
      ShrinkToStart(weights, std::vector<float>(3), std::vector<size_t>{3}, std::vector<double>{0}),
      weights);
}

TEST(ShrinkToStart, ComesCloserToTheTruthThanTheNoisyWeights) {
  // 500 coordinates, truth of variance 0.25 in noise of variance 1: the noisy weights are off by 1
  // in the mean square, the best linear shrinkage by 0.2.
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> truth(500), noisy(500);
  for (size_t i = 0; i < truth.size(); ++i) {
    truth[i] = 0.5f * normal(random);
    noisy[i] = truth[i] + normal(random);
  }
  const std::vector<float> shrunk = ShrinkToStart(noisy, std::vector<float>(500),
                                                  std::vector<size_t>{500}, std::vector<double>{1});
  double error = 0;
  for (size_t i = 0; i < truth.size(); ++i) error += std::pow(shrunk[i] - truth[i], 2) / 500;
  EXPECT_LT(error, 0.3);
}

}  // namespace
}  // namespace selvedge::trainer
