#include "inference/session/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace selvedge::inference {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

SamplingOptions Plain() {
  SamplingOptions o;
  o.temperature = 1;
  o.top_k = 0;
  o.top_p = 1;
  o.min_p = 0;
  o.seed = 1;
  return o;
}

int32_t NextOf(const SamplingOptions& options, std::vector<float> logits,
               std::vector<int32_t> history = {}) {
  auto sampler = Sampler::Create(options);
  EXPECT_TRUE(sampler.ok());
  auto id = sampler->Next(logits, history);
  EXPECT_TRUE(id.ok());
  return id.ok() ? *id : -1;
}

// Shares of the ids drawn.
std::map<int32_t, double> Shares(const SamplingOptions& options, const std::vector<float>& logits,
                                 int draws = 20000) {
  auto sampler = Sampler::Create(options);
  std::map<int32_t, double> shares;
  for (int i = 0; i < draws; ++i) {
    std::vector<float> copy = logits;
    shares[*sampler->Next(copy, {})] += 1.0 / draws;
  }
  return shares;
}

// ln of 0.5, 0.3, 0.15, 0.05
const std::vector<float> kLogits = {std::log(0.5f), std::log(0.3f), std::log(0.15f),
                                    std::log(0.05f)};

TEST(Sampler, GreedyTakesTheLargestAndTheLowestOfEquals) {
  SamplingOptions o = Plain();
  o.temperature = 0;
  EXPECT_EQ(NextOf(o, {1, 3, 2}), 1);
  EXPECT_EQ(NextOf(o, {2, 3, 3, 1}), 1);
}

TEST(Sampler, TopKOfOneIsGreedyWhateverTheTemperature) {
  SamplingOptions o = Plain();
  o.temperature = 100;
  o.top_k = 1;
  for (uint64_t seed = 1; seed < 50; ++seed) {
    o.seed = seed;
    EXPECT_EQ(NextOf(o, {1, 3, 3, 2}), 1);
  }
}

// 20000 draws: the standard error of a share is at most 0.0036.
TEST(Sampler, DrawsByProbability) {
  const auto shares = Shares(Plain(), kLogits);
  EXPECT_NEAR(shares.at(0), 0.5, 0.015);
  EXPECT_NEAR(shares.at(1), 0.3, 0.015);
  EXPECT_NEAR(shares.at(2), 0.15, 0.015);
  EXPECT_NEAR(shares.at(3), 0.05, 0.015);
}

TEST(Sampler, TemperatureFlattens) {
  SamplingOptions o = Plain();
  o.temperature = 2;  // probabilities go as the square root
  const double total = std::sqrt(0.5) + std::sqrt(0.3) + std::sqrt(0.15) + std::sqrt(0.05);
  EXPECT_NEAR(Shares(o, kLogits).at(3), std::sqrt(0.05) / total, 0.015);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  SamplingOptions o = Plain();
  o.top_p = 0.7;  // 0.5 is short of it, 0.5 + 0.3 reaches it
  const auto shares = Shares(o, kLogits);
  EXPECT_EQ(shares.size(), 2u);
  EXPECT_NEAR(shares.at(0), 0.625, 0.015);
}

TEST(Sampler, MinPIsRelativeToTheBest) {
  SamplingOptions o = Plain();
  o.min_p = 0.25;  // of 0.5: 0.125
  EXPECT_EQ(Shares(o, kLogits).size(), 3u);
  o.min_p = 1;
  EXPECT_EQ(Shares(o, kLogits).size(), 1u);
}

TEST(Sampler, SeedsReproduceAndDiffer) {
  std::vector<float> logits(100, 0.0f);
  const auto draw = [&](uint64_t seed) {
    SamplingOptions o = Plain();
    o.seed = seed;
    auto sampler = Sampler::Create(o);
    std::vector<int32_t> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(*sampler->Next(logits, {}));
    return ids;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
  EXPECT_NE(draw(0), draw(0));  // 0: from the operating system
}

TEST(Sampler, PenaltyLowersWhatOccurred) {
  SamplingOptions o = Plain();
  o.temperature = 0;
  o.repeat_penalty = 2;
  EXPECT_EQ(NextOf(o, {3, 2}, {0}), 1);           // 3 / 2 < 2
  EXPECT_EQ(NextOf(o, {-1, -1.5f}, {0}), 1);      // -1 * 2 < -1.5
  EXPECT_EQ(NextOf(o, {3, 1}, {0, 0, 0, 0}), 0);  // once, however often it occurred
  o.repeat_last_n = 1;
  EXPECT_EQ(NextOf(o, {3, 2}, {0, 1}), 0);  // only the 1 is looked back on
  o.repeat_last_n = 0;
  EXPECT_EQ(NextOf(o, {3, 2}, {0}), 0);
  o.repeat_last_n = -1;
  EXPECT_EQ(NextOf(o, {3, 2}, {0, 5, -3}), 1);  // ids outside are ignored
}

TEST(Sampler, RefusesLogitsThatAreNotNumbers) {
  for (std::vector<float> logits : {std::vector<float>{1, NAN}, {kInf, 1}, {-kInf, -kInf}}) {
    for (const double temperature : {0.0, 1.0}) {
      SamplingOptions o = Plain();
      o.temperature = temperature;
      EXPECT_EQ(Sampler::Create(o)->Next(logits, {}).status().code(), StatusCode::kNumeric);
    }
  }
  std::vector<float> none;
  EXPECT_EQ(Sampler::Create(Plain())->Next(none, {}).status().code(), StatusCode::kUsage);
}

TEST(Sampler, NeverDrawsExcludedTokens) {
  EXPECT_EQ(Shares(Plain(), {-kInf, 0, -kInf}, 100).size(), 1u);
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  const auto code = [](auto change) {
    SamplingOptions o = Plain();
    change(o);
    return Sampler::Create(o).status().code();
  };
  for (const double bad : {-1.0, 1e30, static_cast<double>(NAN), HUGE_VAL}) {
    EXPECT_EQ(code([&](auto& o) { o.temperature = bad; }), StatusCode::kUsage) << bad;
  }
  for (const double bad : {0.0, 2.0, -1.0, static_cast<double>(NAN)}) {
    EXPECT_EQ(code([&](auto& o) { o.top_p = bad; }), StatusCode::kUsage) << bad;
  }
  EXPECT_EQ(code([](auto& o) { o.top_k = -1; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.min_p = 1.5; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.repeat_penalty = 0; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.repeat_last_n = -2; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.top_k = INT32_MAX; }), StatusCode::kOk);
}

}  // namespace
}  // namespace selvedge::inference
