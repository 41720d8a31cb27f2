#include "trainer/job/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace selvedge::trainer {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

adapters::LoraAdapter Adapter() {
  adapters::LoraAdapter adapter;
  adapter.tensors.push_back(
      {"blk.0.attn_q.weight", 2, 3, 2, {1, 0, 0, 0, 1, 0}, {0.1f, 0, 0, 0.1f}, 2});
  return adapter;
}

GateInput Input(const adapters::LoraAdapter& adapter) { return {3.5, 3.4, 3.0, 1000, &adapter}; }

TEST(Gate, AcceptsACandidateThatBeatsBaseAndCurrent) {
  const auto adapter = Adapter();
  const GateDecision decision = DecideGate(Input(adapter));
  EXPECT_TRUE(decision.accepted);
  EXPECT_EQ(decision.reason, "held-out loss 3.4000 -> 3.0000");
}

TEST(Gate, RejectsACandidateThatOnlyEqualsEither) {
  const auto adapter = Adapter();
  GateInput input = Input(adapter);
  input.loss_candidate = input.loss_current;
  EXPECT_FALSE(DecideGate(input).accepted);
  EXPECT_THAT(DecideGate(input).reason, HasSubstr("active adapter"));
  input = Input(adapter);
  input.loss_base = 3.0;
  EXPECT_FALSE(DecideGate(input).accepted);
  EXPECT_THAT(DecideGate(input).reason, HasSubstr("base model"));
}

TEST(Gate, RejectsAGainThatChanceExplains) {
  const auto adapter = Adapter();
  GateInput input = Input(adapter);  // gains 0.5 on the base, 0.4 on the active adapter
  input.gain_error_base = 0.29;
  input.gain_error_current = 0.23;
  EXPECT_TRUE(DecideGate(input).accepted);
  input.gain_error_current = 0.25;
  EXPECT_FALSE(DecideGate(input).accepted);
  EXPECT_THAT(DecideGate(input).reason, HasSubstr("chance"));
  EXPECT_THAT(DecideGate(input).reason, HasSubstr("active adapter"));
  input.gain_error_base = HUGE_VAL;
  EXPECT_THAT(DecideGate(input).reason, HasSubstr("base model"));
}

TEST(GainError, IsThatOfThePairedDifferences) {
  // Differences per group 2, 4, 6 at ten tokens each: mean 0.4 per token, deviation of the group
  // sums 2, so the standard error is 2 / sqrt(3) / 10.
  const std::vector<GroupLoss> before = {{32, 10}, {54, 10}, {16, 10}};
  const std::vector<GroupLoss> after = {{30, 10}, {50, 10}, {10, 10}};
  EXPECT_NEAR(GainError(before, after), 2 / std::sqrt(3.0) / 10, 1e-12);
  EXPECT_EQ(GainError(before, before), 0) << "however unlike the groups are";
  // A group twice as long with twice the gain says the same as a short one.
  EXPECT_NEAR(GainError(std::vector<GroupLoss>{{32, 10}, {60, 20}},
                        std::vector<GroupLoss>{{30, 10}, {56, 20}}),
              0, 1e-12);
  EXPECT_EQ(GainError(std::vector<GroupLoss>{{3, 1}}, std::vector<GroupLoss>{{2, 1}}), HUGE_VAL);
}

TEST(Gate, RejectsLossesThatAreNotFinite) {
  const auto adapter = Adapter();
  for (double GateInput::*loss :
       {&GateInput::loss_base, &GateInput::loss_current, &GateInput::loss_candidate}) {
    for (const double value : {kNan, HUGE_VAL, -HUGE_VAL}) {
      GateInput input = Input(adapter);
      input.*loss = value;
      EXPECT_FALSE(DecideGate(input).accepted);
      EXPECT_EQ(DecideGate(input).reason, "held-out loss is not finite");
    }
  }
}

TEST(Gate, NeedsHeldOutTokens) {
  const auto adapter = Adapter();
  GateInput input = Input(adapter);
  input.heldout_tokens = 0;
  EXPECT_FALSE(DecideGate(input).accepted);
  EXPECT_EQ(DecideGate(input).reason, "no held-out tokens to judge by");
}

TEST(Gate, NeedsWeightsOfTheStatedShape) {
  auto adapter = Adapter();
  GateInput input = Input(adapter);
  input.candidate = nullptr;
  EXPECT_FALSE(DecideGate(input).accepted);
  adapter.tensors[0].b.pop_back();
  EXPECT_FALSE(DecideGate(Input(adapter)).accepted);
  adapter.tensors.clear();
  EXPECT_FALSE(DecideGate(Input(adapter)).accepted);
}

TEST(Gate, RejectsWeightsThatAreNotFinite) {
  for (const float value : {static_cast<float>(kNan), INFINITY, -INFINITY}) {
    auto in_a = Adapter();
    in_a.tensors[0].a[5] = value;
    EXPECT_THAT(DecideGate(Input(in_a)).reason, HasSubstr("not finite"));
    auto in_b = Adapter();
    in_b.tensors[0].b[3] = value;
    EXPECT_FALSE(DecideGate(Input(in_b)).accepted);
    auto in_scale = Adapter();
    in_scale.tensors[0].scale = value;
    EXPECT_FALSE(DecideGate(Input(in_scale)).accepted);
  }
}

// B A = [[x, 0, 0], [0, x, 0]] with x = b, so with scale s the RMS is s x sqrt(2 / 6).
TEST(Gate, BoundsTheRootMeanSquareOfTheUpdate) {
  auto adapter = Adapter();
  auto& t = adapter.tensors[0];
  const double at_limit = kMaxUpdateRms / (t.scale * std::sqrt(2.0 / 6));
  t.b[0] = t.b[3] = static_cast<float>(at_limit * 0.999);
  EXPECT_TRUE(DecideGate(Input(adapter)).accepted);
  t.b[0] = t.b[3] = static_cast<float>(at_limit * 1.001);
  EXPECT_FALSE(DecideGate(Input(adapter)).accepted);
  EXPECT_THAT(DecideGate(Input(adapter)).reason, HasSubstr("'blk.0.attn_q.weight'"));
  t.b[0] = 3e38f;
  EXPECT_FALSE(DecideGate(Input(adapter)).accepted);
}

// Off-diagonal terms count: two rank-one parts that cancel are no update at all.
TEST(Gate, MeasuresTheProductAndNotItsFactors) {
  auto adapter = Adapter();
  auto& t = adapter.tensors[0];
  t.a = {1, 2, 3, 1, 2, 3};
  t.b = {100, -100, 50, -50};
  EXPECT_TRUE(DecideGate(Input(adapter)).accepted);
  t.b = {100, 100, 50, 50};
  EXPECT_FALSE(DecideGate(Input(adapter)).accepted);
}

}  // namespace
}  // namespace selvedge::trainer
