#include "trainer/optim/adam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "core/secure_random.h"

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

// A ledger that agrees to everything.
class OpenLedger final : public privacy::SpendLedger {
  Status WriteCharge(int64_t) override { return OkStatus(); }
};

// The noised sum of one group's gradient, divided by 1.
privacy::NoisedGradient Noised(const std::vector<float>& gradient, double sigma,
                               core::SecureRandom& random) {
  privacy::PrivacyPlan plan;
  plan.noise_multiplier = sigma;
  plan.parameters = gradient.size();
  auto sum = std::move(privacy::GroupGradientSum::Create(plan)).value();
  sum.Add(gradient);
  OpenLedger ledger;
  return std::move(privacy::AddNoise(std::move(sum).Finish(), std::move(ledger.Charge(0)).value(),
                                     random))
      .value();
}

TEST(DpAdam, StaysWhereItIsWhenThereIsOnlyNoise) {
  auto random = std::move(core::SecureRandom::Create()).value();
  OptimizerState state = OptimizerState::Start(std::vector<float>(4000));
  const DpAdam adam({}, {{4000, 1}});
  for (int step = 0; step < 10; ++step) {
    ASSERT_TRUE(adam.Step(Noised(std::vector<float>(4000, 0.0f), 3, random), 0.1, &state).ok());
  }
  // Without Wiener's factor each step would be 0.1 times noise of variance 1: a walk of RMS 0.3.
  // The estimated signal of pure noise is within 4 * sqrt(2 / 4000) of none.
  const auto rms = [](const std::vector<float>& v) {
    return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0) /
                     static_cast<double>(v.size()));
  };
  EXPECT_LT(rms(state.weights), 0.1);
  EXPECT_LT(rms(state.average), 0.1);
}

TEST(DpAdam, TakesTheWholeStepWhereSignalRules) {
  auto random = std::move(core::SecureRandom::Create()).value();
  OptimizerState state = OptimizerState::Start(std::vector<float>(20));
  const DpAdam adam({}, {{20, 1}});
  ASSERT_TRUE(
      adam.Step(Noised(std::vector<float>(20, 0.2f), 1e-4 + 0.01, random), 0.1, &state).ok());
  const double mean = std::accumulate(state.average.begin(), state.average.end(), 0.0) / 20;
  EXPECT_NEAR(mean, -0.1, 0.01);
}

TEST(DpAdam, ScalesEveryTensorByItsOwnSignal) {
  auto random = std::move(core::SecureRandom::Create()).value();
  std::vector<float> clean(40, 0.2f);  // norm 0.92 in all, under the clip norm
  std::fill(clean.begin() + 20, clean.end(), 0.05f);
  OptimizerState state = OptimizerState::Start(std::vector<float>(40));
  ASSERT_TRUE(DpAdam({}, {{20, 1}, {40, 1}}).Step(Noised(clean, 0.01, random), 0.1, &state).ok());
  // Both means are of 20 steps of 0.1, spread by the noise to 0.0011 and 0.0045.
  const auto mean = [&state](size_t begin) {
    return std::accumulate(state.weights.begin() + static_cast<long>(begin),
                           state.weights.begin() + static_cast<long>(begin) + 20, 0.0) /
           20;
  };
  EXPECT_NEAR(mean(0), -0.1, 0.01);
  EXPECT_NEAR(mean(20), -0.1, 0.03);
}

TEST(DpAdam, ABlocksRateScalesItsStep) {
  auto random = std::move(core::SecureRandom::Create()).value();
  OptimizerState state = OptimizerState::Start(std::vector<float>(20));
  const DpAdam adam({}, {{10, 1}, {20, 3}});
  ASSERT_TRUE(
      adam.Step(Noised(std::vector<float>(20, 0.2f), 1e-4 + 0.01, random), 0.1, &state).ok());
  const double first = std::accumulate(state.weights.begin(), state.weights.begin() + 10, 0.0);
  const double second = std::accumulate(state.weights.begin() + 10, state.weights.end(), 0.0);
  EXPECT_NEAR(second / first, 3, 0.3);
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
