#include "sdk/capacity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sdk/base_model.h"

namespace selvedge {
namespace {

class CapacityTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(base_.ok()) << base_.status().message(); }
  // Full batch, 30 steps, epsilon 8 at delta 1e-5 (noise multiplier 3.3) unless said otherwise.
  Capacity Choose(double groups, double sigma = 3.3) {
    const auto capacity = ChooseCapacity(options_, *base_->model, {1, sigma, 30}, groups);
    EXPECT_TRUE(capacity.ok()) << capacity.status().message();
    return *capacity;
  }
  Result<BaseModel> base_ = LoadBaseModel("");
  TrainOptions options_;
};

TEST(NoiseToSignal, IsTheSameForAnyNumberOfFullSteps) {
  // sigma grows with the root of the steps at a given epsilon.
  EXPECT_DOUBLE_EQ(NoiseToSignal({1, 2, 4}, 100, 10000), NoiseToSignal({1, 4, 16}, 100, 10000));
  EXPECT_DOUBLE_EQ(NoiseToSignal({1, 2, 4}, 100, 10000), 2 * 100.0 / (100 * 2));
}

TEST_F(CapacityTest, GrowsWithTheNumberOfGroups) {
  const Capacity many = Choose(5000);
  EXPECT_EQ(many.rank, 8);
  EXPECT_EQ(many.target_modules.size(), 8u);
  uint64_t last = many.parameters;
  for (const double groups : {800.0, 600.0, 400.0}) {
    const Capacity c = Choose(groups);
    EXPECT_LT(c.parameters, last) << groups << " groups";
    EXPECT_LE(c.noise_to_signal, 0.25) << groups << " groups";
    last = c.parameters;
  }
  EXPECT_EQ(Choose(60).target_modules, std::vector<std::string>{"lm_head"});
  EXPECT_EQ(Choose(60).rank, 1);
}

TEST_F(CapacityTest, ShrinksWithEpsilon) {
  EXPECT_LT(Choose(1000, 11).parameters, Choose(1000, 3.3).parameters);
}

TEST_F(CapacityTest, SaysWhenTheDataIsTooLittle) {
  const Capacity c = Choose(40, 20);
  EXPECT_GT(c.noise_to_signal, 1);
  EXPECT_NE(c.reason.find("too little data"), std::string::npos) << c.reason;
  EXPECT_EQ(Choose(5000).reason.find("too little data"), std::string::npos);
}

TEST_F(CapacityTest, KeepsWhatTheOwnerAskedFor) {
  options_.rank = 16;
  EXPECT_EQ(Choose(5000).rank, 16);
  EXPECT_EQ(Choose(60).rank, 16);
  options_.rank = 0;
  options_.target_modules = {"v_proj"};
  EXPECT_EQ(Choose(5000).target_modules, (std::vector<std::string>{"v_proj"}));
  EXPECT_EQ(Choose(60).target_modules, (std::vector<std::string>{"v_proj"}));
  options_.target_modules = {"embed_tokens"};
  EXPECT_EQ(ChooseCapacity(options_, *base_->model, {1, 3, 30}, 100).status().code(),
            StatusCode::kUsage);
}

TEST_F(CapacityTest, IsNotLimitedWithoutPrivacy) {
  options_.dp = false;
  const Capacity c = Choose(60, 0);
  EXPECT_EQ(c.rank, 8);
  EXPECT_EQ(c.target_modules.size(), 7u);
  EXPECT_EQ(c.noise_to_signal, 0);
}

}  // namespace
}  // namespace selvedge
