#include "privacy/budget/filter.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace selvedge::privacy {
namespace {

BudgetFilter Filter(double epsilon, double delta) {
  Result<BudgetFilter> filter = BudgetFilter::Create(epsilon, delta);
  EXPECT_TRUE(filter.ok());
  return std::move(filter).value();
}

// Whatever the order of charges, what a filter let pass composes to at most its budget by the
// independent, tighter accountants.
TEST(BudgetFilter, NeverLetsTheCompositionPassTheBudget) {
  std::mt19937 generator(17);
  for (int round = 0; round < 12; ++round) {
    const double epsilon = std::exp(std::uniform_real_distribution<>(-1, 2.5)(generator));
    BudgetFilter filter = Filter(epsilon, 1e-5);
    std::vector<MechanismEvent> passed;
    for (int i = 0; i < 30; ++i) {
      const bool sampled = round % 3 != 0 && generator() % 2 == 0;
      const MechanismEvent event = {
          sampled ? std::uniform_real_distribution<>(0.005, 0.4)(generator) : 1.0,
          std::uniform_real_distribution<>(sampled ? 0.8 : 4, 20)(generator),
          static_cast<int64_t>(1 + generator() % 20)};
      if (filter.Charge(event).ok()) passed.push_back(event);
    }
    ASSERT_FALSE(passed.empty());
    EXPECT_LE(*ComputeEpsilon(passed, 1e-5), epsilon);
    EXPECT_LE(filter.epsilon_spent(), epsilon);
    EXPECT_GE(filter.epsilon_spent(), *ComputeEpsilon(passed, 1e-5));
  }
}

TEST(BudgetFilter, RefusesWithoutChangingAnything) {
  BudgetFilter filter = Filter(2, 1e-5);
  const MechanismEvent event = {1, 10, 5};
  ASSERT_TRUE(filter.Charge(event).ok());
  const Spent before = filter.spent();
  const Status refused = filter.Charge({1, 0.5, 5});
  EXPECT_EQ(refused.code(), StatusCode::kPolicy);
  EXPECT_EQ(filter.spent().mu_squared, before.mu_squared);
  EXPECT_EQ(filter.spent().rdp, before.rdp);
  EXPECT_TRUE(filter.Charge(event).ok());
}

TEST(BudgetFilter, ChargesStepsOneByOneAsManyAtOnce) {
  BudgetFilter once = Filter(100, 1e-5);
  BudgetFilter each = Filter(100, 1e-5);
  ASSERT_TRUE(once.Charge({0.1, 1.5, 200}).ok());
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(each.Charge({0.1, 1.5, 1}).ok());
  EXPECT_NEAR(each.epsilon_spent() / once.epsilon_spent(), 1, 1e-12);
  EXPECT_GE(each.epsilon_spent(), 0);
  EXPECT_EQ(once.spent().sampled_steps, 200);
}

TEST(BudgetFilter, CountsTheStepsThatAreLeft) {
  BudgetFilter filter = Filter(3, 1e-5);
  const MechanismEvent wish = {1, 8, 1000};
  const int64_t left = *filter.StepsLeft(wish);
  ASSERT_GT(left, 0);
  ASSERT_LT(left, 1000);
  EXPECT_TRUE(*filter.WouldExceed({1, 8, left + 1}));
  EXPECT_TRUE(filter.Charge({1, 8, left}).ok());
  EXPECT_EQ(*filter.StepsLeft(wish), 0);
  EXPECT_EQ(*filter.StepsLeft({0, 1, 7}), 7);  // nothing is sampled, nothing is spent
}

// A tenth of delta is what the filter's Gaussian part costs over the exact accountant.
TEST(BudgetFilter, IsTightForFullBatchReleases) {
  BudgetFilter filter = Filter(50, 1e-5);
  ASSERT_TRUE(filter.Charge({1, 5, 20}).ok());
  EXPECT_NEAR(filter.epsilon_spent(), *ComputeEpsilon({{1, 5, 20}}, 0.9e-5), 1e-8);
}

TEST(BudgetFilter, ContinuesFromStoredNumbers) {
  BudgetFilter filter = Filter(10, 1e-6);
  ASSERT_TRUE(filter.Charge({0.05, 1, 30}).ok());
  const Result<BudgetFilter> restored = BudgetFilter::Create(10, 1e-6, filter.spent());
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->epsilon_spent(), filter.epsilon_spent());
}

TEST(BudgetFilter, RefusesNumbersOutOfRange) {
  EXPECT_EQ(BudgetFilter::Create(0, 1e-5).status().code(), StatusCode::kUsage);
  EXPECT_EQ(BudgetFilter::Create(std::nan(""), 1e-5).status().code(), StatusCode::kUsage);
  EXPECT_EQ(BudgetFilter::Create(1, 1).status().code(), StatusCode::kUsage);
  Spent bad;
  bad.rdp[3] = -1;
  EXPECT_EQ(BudgetFilter::Create(1, 1e-5, bad).status().code(), StatusCode::kUsage);
  bad.rdp[3] = std::nan("");
  EXPECT_EQ(BudgetFilter::Create(1, 1e-5, bad).status().code(), StatusCode::kUsage);
  BudgetFilter filter = Filter(1, 1e-5);
  EXPECT_EQ(filter.Charge({1.5, 1, 1}).code(), StatusCode::kUsage);
  EXPECT_EQ(filter.Charge({1, 1, 0}).code(), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge::privacy
