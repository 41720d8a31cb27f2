#include "trainer/optim/adam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "trainer/optim/schedule.h"

namespace selvedge::trainer {
namespace {

// Golden values.
// SOURCE: torch 1.13.0a0 (python3-torch of Debian 12), torch.optim.Adam([p], lr=0.1,
// betas=(0.9, 0.99), eps=1e-8) with p = [1, -2] and gradients [0.5, -1], [0.25, 4], [-3, 0].
const double kTorchAdam[3][2] = {
    {0.89999998, -1.89999998}, {0.80665517, -1.95583904}, {0.85605919, -1.99910104}};

TEST(PlainAdam, FollowsTorchsAdam) {
  AdamOptions options;
  options.beta1 = 0.9;
  options.beta2 = 0.99;
  options.epsilon = 1e-8;
  OptimizerState state = OptimizerState::Start({1, -2});
  const float gradients[3][2] = {{0.5f, -1}, {0.25f, 4}, {-3, 0}};
  for (int i = 0; i < 3; ++i) {
    MeanGradient mean(2);
    mean.Add(gradients[i], 1);
    ASSERT_TRUE(PlainAdam(options).Step(mean, 0.1, &state).ok());
    EXPECT_NEAR(state.weights[0], kTorchAdam[i][0], 1e-6);
    EXPECT_NEAR(state.weights[1], kTorchAdam[i][1], 1e-6);
  }
  EXPECT_EQ(state.updates, 3);
}

TEST(MeanGradient, DividesByTheLabels) {
  MeanGradient mean(2);
  mean.Add(std::vector<float>{6, 3}, 2);
  mean.Add(std::vector<float>{0, 3}, 1);
  EXPECT_EQ(mean.Finish(), (std::vector<float>{2, 2}));
}

TEST(MeanGradient, IgnoresGroupsThatAreNotFinite) {
  MeanGradient mean(2);
  mean.Add(std::vector<float>{6, 3}, 1);
  mean.Add(std::vector<float>{std::numeric_limits<float>::infinity(), 3}, 1);
  mean.Add(std::vector<float>{std::nanf(""), 3}, 1);
  EXPECT_EQ(mean.Finish(), (std::vector<float>{6, 3}));
}

TEST(MeanGradient, OfNothingIsZero) {
  EXPECT_EQ(MeanGradient(2).Finish(), (std::vector<float>{0, 0}));
}

TEST(PlainAdam, LeavesTheStateAloneWhenTheUpdateIsNotFinite) {
  OptimizerState state = OptimizerState::Start({1, -2});
  MeanGradient mean(2);
  mean.Add(std::vector<float>{1, 1}, 1);
  EXPECT_EQ(PlainAdam({}).Step(mean, std::numeric_limits<double>::infinity(), &state).code(),
            StatusCode::kNumeric);
  EXPECT_EQ(state.weights, (std::vector<float>{1, -2}));
  EXPECT_EQ(state.updates, 0);
}

TEST(Schedule, WarmsUpAndFallsToItsEnd) {
  const Schedule schedule = MakeSchedule(true, true, 1.0, 100);
  EXPECT_LT(schedule.Rate(0), schedule.Rate(5));
  EXPECT_DOUBLE_EQ(schedule.Rate(schedule.warmup), 1.0);
  for (int64_t step = schedule.warmup; step < 99; ++step) {
    EXPECT_GT(schedule.Rate(step), schedule.Rate(step + 1));
  }
  EXPECT_GT(schedule.Rate(99), 0);
}

TEST(Schedule, AOneStepRunUsesThePeak) {
  EXPECT_DOUBLE_EQ(MakeSchedule(false, true, 0.5, 1).Rate(0), 0.5);
}

}  // namespace
}  // namespace selvedge::trainer
