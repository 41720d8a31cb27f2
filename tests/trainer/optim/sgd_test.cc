#include "trainer/optim/sgd.h"

#include <gtest/gtest.h>

#include <span>
#include <vector>

namespace selvedge::trainer {
namespace {

// Golden values.
// SOURCE: torch 1.13.0a0 (python3-torch of Debian 12), torch.optim.SGD([p], lr=0.1, momentum=0.9)
// with p = [1, -2] and gradients [0.5, -1], [0.25, 4], [-3, 0].
const double kTorchSgd[3][2] = {{0.95, -1.9}, {0.88, -2.21}, {1.117, -2.489}};

TEST(PlainSgd, FollowsTorchsSgd) {
  OptimizerState state = OptimizerState::Start({1, -2});
  const float gradients[3][2] = {{0.5f, -1}, {0.25f, 4}, {-3, 0}};
  for (int i = 0; i < 3; ++i) {
    MeanGradient mean(2);
    mean.Add(gradients[i], 1);
    ASSERT_TRUE(PlainSgd({}).Step(mean, 0.1, &state).ok());
    EXPECT_NEAR(state.weights[0], kTorchSgd[i][0], 1e-6);
    EXPECT_NEAR(state.weights[1], kTorchSgd[i][1], 1e-6);
  }
  EXPECT_EQ(state.updates, 3);
  // The newest of n iterates has the weight 1 / (1 + (n - 1) / 4): 1, 0.8, 2 / 3.
  EXPECT_NEAR(state.average[0], (0.95 * 0.2 + 0.88 * 0.8) / 3 + 1.117 * 2 / 3, 1e-6);
}

TEST(PlainSgd, DiscardsAnUpdateThatIsNotFinite) {
  OptimizerState state = OptimizerState::Start({1, 3e38f});
  MeanGradient mean(2);
  const float gradient[2] = {1, -3e38f};
  mean.Add(gradient, 1);
  EXPECT_EQ(PlainSgd({}).Step(mean, 10, &state).code(), StatusCode::kNumeric);
  EXPECT_EQ(state.weights, (std::vector<float>{1, 3e38f}));
  EXPECT_EQ(state.updates, 0);
}

template <typename G>
concept Accepted = requires(const DpSgd sgd, G gradient, OptimizerState* state) {
  sgd.Step(std::move(gradient), 0.1, state);
};
static_assert(Accepted<privacy::NoisedGradient>);
static_assert(!Accepted<privacy::ClippedSum>);
static_assert(!Accepted<MeanGradient>);
static_assert(!Accepted<std::vector<float>>);

}  // namespace
}  // namespace selvedge::trainer
