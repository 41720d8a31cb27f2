#include "privacy/mechanism.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "privacy/sampling/poisson.h"
#include "tests/privacy/mechanism_fixture.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {
namespace {

double NormOf(const std::vector<float>& values) {
  double squared = 0;
  for (const float value : values) squared += static_cast<double>(value) * value;
  return std::sqrt(squared);
}

TEST(PrivacyPlan, RefusesValuesOutOfRange) {
  EXPECT_TRUE(Plan(10).Validate().ok());
  const auto refused = [](auto change) {
    PrivacyPlan plan = Plan(10);
    change(plan);
    return plan.Validate().code() == StatusCode::kUsage;
  };
  const double nan = std::nan("");
  for (const double q : {0.0, -0.1, 1.5, nan}) {
    EXPECT_TRUE(refused([&](PrivacyPlan& p) { p.sampling_rate = q; })) << q;
  }
  for (const double sigma : {0.0, -1.0, nan, HUGE_VAL}) {
    EXPECT_TRUE(refused([&](PrivacyPlan& p) { p.noise_multiplier = sigma; })) << sigma;
    EXPECT_TRUE(refused([&](PrivacyPlan& p) { p.clip_norm = sigma; })) << sigma;
    EXPECT_TRUE(refused([&](PrivacyPlan& p) { p.divisor = sigma; })) << sigma;
  }
  for (const double delta : {0.0, 1.0, 2.0, nan}) {
    EXPECT_TRUE(refused([&](PrivacyPlan& p) { p.delta = delta; })) << delta;
  }
  EXPECT_TRUE(refused([](PrivacyPlan& p) { p.steps = 0; }));
  EXPECT_TRUE(refused([](PrivacyPlan& p) { p.parameters = 0; }));
  EXPECT_TRUE(refused([](PrivacyPlan& p) {
    p.noise_multiplier = 1e5;
    p.parameters = 1000000;
  }));
  const Status status = Plan(10, -1).Validate();
  EXPECT_EQ(status.message(),
            "privacy plan: noise multiplier: got -1.000000, must be in [0.01, 1e6]");
}

TEST(SampleGroups, TakesAllGroupsAtRateOne) {
  core::SecureRandom random = MakeRandom();
  const std::vector<uint32_t> all = SampleGroups(Plan(1), 5, 0, random);
  EXPECT_EQ(all, (std::vector<uint32_t>{0, 1, 2, 3, 4}));
  EXPECT_TRUE(SampleGroups(Plan(1), 0, 0, random).empty());
}

// 5 standard errors of the total and of the correlation of neighbours: false alarm rate 1e-6.
TEST(SampleGroups, TakesEachGroupIndependentlyAtTheRate) {
  constexpr int kRounds = 2000;
  constexpr uint32_t kGroups = 200;
  for (const double q : {0.003, 0.1, 0.5, 0.97}) {
    SeededWords words(99);
    double taken = 0;
    double pairs = 0;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<double> in(kGroups, 0);
      for (const uint32_t i : SamplePoisson(q, kGroups, words)) in[i] = 1;
      for (uint32_t i = 0; i < kGroups; ++i) {
        taken += in[i];
        if (i > 0) pairs += (in[i] - q) * (in[i - 1] - q);
      }
    }
    constexpr double kDraws = kRounds * static_cast<double>(kGroups);
    EXPECT_NEAR(taken / kDraws, q, 5 * std::sqrt(q * (1 - q) / kDraws)) << q;
    EXPECT_NEAR(pairs / kDraws, 0, 5 * q * (1 - q) / std::sqrt(kDraws)) << q;
  }
}

TEST(SampleGroups, MayBeEmpty) {
  PrivacyPlan plan = Plan(1);
  plan.sampling_rate = 1e-9;
  core::SecureRandom random = MakeRandom();
  EXPECT_TRUE(SampleGroups(plan, 10, 0, random).empty());
}

// The receipt that paid for a release cannot pay for a second one, nor can a sum be used twice.
TEST(AddNoise, TakesEachReceiptAndSumOnce) {
  CountingLedger ledger;
  core::SecureRandom random = MakeRandom();
  SpendReceipt receipt = std::move(ledger.Charge(0)).value();
  SpendReceipt taken = std::move(receipt);
  ClippedSum first = std::move(*GroupGradientSum::Create(Plan(4))).Finish();
  EXPECT_EQ(AddNoise(std::move(first), std::move(receipt), random).status().code(),
            StatusCode::kInternal);
  ClippedSum second = std::move(*GroupGradientSum::Create(Plan(4))).Finish();
  ClippedSum moved = std::move(second);
  EXPECT_EQ(AddNoise(std::move(second), std::move(taken), random).status().code(),
            StatusCode::kInternal);
  EXPECT_EQ(moved.sensitivity(), 1);
}

TEST(SpendLedger, GivesNoReceiptForARefusedCharge) {
  CountingLedger ledger;
  ledger.limit = 1;
  EXPECT_TRUE(ledger.Charge(0).ok());
  EXPECT_EQ(ledger.Charge(1).status().code(), StatusCode::kPolicy);
}

// Standard deviation sigma C / divisor, mean 0: 5 standard errors, false alarm rate 1e-6.
TEST(AddNoise, HasTheStatedStandardDeviation) {
  constexpr size_t kParameters = 200000;
  PrivacyPlan plan = Plan(kParameters, 1.7, 0.3);
  plan.divisor = 12;
  auto sum = GroupGradientSum::Create(plan);
  ASSERT_TRUE(sum.ok());
  CountingLedger ledger;
  core::SecureRandom random = MakeRandom();
  auto noised = AddNoise(std::move(*sum).Finish(), std::move(ledger.Charge(0)).value(), random);
  ASSERT_TRUE(noised.ok());
  EXPECT_DOUBLE_EQ(noised->noise_stddev(), 1.7 * 0.3 / 12);
  double total = 0;
  double squares = 0;
  for (const float value : noised->values()) {
    const double z = value / noised->noise_stddev();
    total += z;
    squares += z * z;
  }
  EXPECT_NEAR(total / kParameters, 0, 5 / std::sqrt(kParameters));
  EXPECT_NEAR(squares / kParameters, 1, 5 * std::sqrt(2.0 / kParameters));
}

// An empty batch still releases noise: whether it was empty must not show.
TEST(AddNoise, NoisesAnEmptyBatch) {
  auto sum = GroupGradientSum::Create(Plan(1000));
  ASSERT_TRUE(sum.ok());
  EXPECT_NEAR(NormOf(Release(std::move(*sum))), std::sqrt(1000.0), 3.6);  // 5 standard errors
}

TEST(AddNoise, NeverRepeatsItsNoise) {
  const auto release = [] { return Release(std::move(*GroupGradientSum::Create(Plan(64)))); };
  EXPECT_NE(release(), release());
}

}  // namespace
}  // namespace selvedge::privacy
