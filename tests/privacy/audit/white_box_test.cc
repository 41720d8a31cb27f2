#include "privacy/audit/white_box.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <selvedge/privacy.h>

#include "tests/privacy/mechanism_fixture.h"

namespace selvedge::privacy {
namespace {

struct Statistics {
  std::vector<double> without;
  std::vector<double> with;
};

// `releases` real releases of each kind; the canary's gradient is `length` times its direction.
Statistics Collect(const PrivacyPlan& plan, int releases, float length) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  std::vector<float> direction(plan.parameters);
  double squared = 0;
  for (float& value : direction) {
    value = normal(generator);
    squared += static_cast<double>(value) * value;
  }
  for (float& value : direction) value = static_cast<float>(value / std::sqrt(squared));
  std::vector<float> canary = direction;
  for (float& value : canary) value *= length;

  CountingLedger ledger;
  ledger.limit = 2 * releases;
  core::SecureRandom random = MakeRandom();
  Statistics out;
  for (int i = 0; i < 2 * releases; ++i) {
    Result<GroupGradientSum> sum = GroupGradientSum::Create(plan);
    if (i % 2 == 1) sum->Add(canary);
    Result<NoisedGradient> noised =
        AddNoise(std::move(*sum).Finish(), std::move(ledger.Charge(i)).value(), random);
    EXPECT_TRUE(noised.ok());
    (i % 2 == 1 ? out.with : out.without)
        .push_back(CanaryStatistic(noised->values(), direction, plan.divisor, plan.clip_norm));
  }
  return out;
}

// The whole chain, against Phi: the canary moves the statistic by C (however long its gradient
// was), the noise is sigma C. 5 standard errors, false alarm rate 6e-7 each.
TEST(WhiteBoxAudit, FindsTheStatedNoiseAndSensitivityInRealReleases) {
  PrivacyPlan plan = Plan(24, 1.3, 0.7);
  plan.divisor = 9;
  constexpr int kReleases = 10000;
  const Statistics statistics = Collect(plan, kReleases, 1e6f);
  const Result<WhiteBoxAudit> audit = AuditReleases(statistics.without, statistics.with);
  ASSERT_TRUE(audit.ok());
  EXPECT_NEAR(audit->noise_multiplier, 1.3, 5 * audit->noise_standard_error);
  EXPECT_NEAR(audit->shift, 1, 5 * 1.3 * std::sqrt(2.0 / kReleases));
  EXPECT_NEAR(audit->mu, 1 / 1.3, 5 * audit->mu_standard_error);
  EXPECT_LT(audit->noise_standard_error, 0.01);
  // True and false positive rates of the threshold 1/2 (in units of C).
  const auto rate = [](const std::vector<double>& values) {
    double above = 0;
    for (const double value : values) above += value > 0.5;
    return above / static_cast<double>(values.size());
  };
  const double expected = 0.5 * std::erfc(0.5 / 1.3 / std::sqrt(2.0));
  EXPECT_NEAR(rate(statistics.without), expected, 5 * 0.5 / std::sqrt(kReleases));
  EXPECT_NEAR(rate(statistics.with), 1 - expected, 5 * 0.5 / std::sqrt(kReleases));
}

// The lower bound from the audit lies below the proven upper bound, and is not empty talk.
TEST(WhiteBoxAudit, LowerBoundStaysBelowTheProvenUpperBound) {
  const PrivacyPlan plan = Plan(8, 0.8, 1);
  const Statistics statistics = Collect(plan, 4000, 5);
  const double lower =
      *WhiteBoxEpsilonLowerBound(statistics.without, statistics.with, 1e-5, 0.999999);
  const double upper = *ComputeEpsilon({plan.Event()}, 1e-5);
  EXPECT_LE(lower, upper);
  EXPECT_GT(lower, 0.15 * upper);
}

// Mutation: noise of half the stated size is refuted by the same figures.
TEST(WhiteBoxAudit, CatchesNoiseThatIsTooSmall) {
  std::mt19937_64 generator(8);
  std::normal_distribution<double> half(0, 0.5);
  Statistics statistics;
  for (int i = 0; i < 5000; ++i) {
    statistics.without.push_back(half(generator));
    statistics.with.push_back(1 + half(generator));
  }
  const WhiteBoxAudit audit = *AuditReleases(statistics.without, statistics.with);
  EXPECT_GT(1 - audit.noise_multiplier, 20 * audit.noise_standard_error);
  EXPECT_GT(audit.mu - 1, 20 * audit.mu_standard_error);
  // Claimed: sigma = 1 and delta = 0.01, epsilon 2.32; refuted at 95 %.
  const double claimed = *ComputeEpsilon({{1, 1, 1}}, 0.01);
  EXPECT_GT(*WhiteBoxEpsilonLowerBound(statistics.without, statistics.with, 0.01, 0.95), claimed);
}

TEST(WhiteBoxAudit, RefusesTooFewReleases) {
  const std::vector<double> few(99, 0.0);
  EXPECT_EQ(AuditReleases(few, few).status().code(), StatusCode::kUsage);
  EXPECT_EQ(WhiteBoxEpsilonLowerBound(few, few, 0, 0.95).status().code(), StatusCode::kUsage);
  const std::vector<double> enough(100, 0.0);
  EXPECT_EQ(WhiteBoxEpsilonLowerBound(enough, enough, 2, 0.95).status().code(), StatusCode::kUsage);
  EXPECT_EQ(*WhiteBoxEpsilonLowerBound(enough, enough, 0, 0.95), 0);
}

}  // namespace
}  // namespace selvedge::privacy
