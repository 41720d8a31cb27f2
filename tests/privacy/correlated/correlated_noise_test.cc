#include "privacy/correlated/correlated_noise.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "privacy/correlated/correlation.h"
#include "tests/privacy/mechanism_fixture.h"

namespace selvedge::privacy {
namespace {

Blt Make() { return *Blt::Create(std::vector<double>{0.9, 0.4}, std::vector<double>{0.2, 0.3}); }

PrivacyPlan CorrelatedPlan(uint64_t parameters, int64_t steps, int64_t min_separation) {
  PrivacyPlan plan = Plan(parameters, 2.0, 0.5);
  plan.steps = steps;
  plan.divisor = 4;
  const int64_t turns = (steps - 1) / min_separation + 1;
  plan.correlation = Correlation{Make(), {steps, min_separation, turns}};
  return plan;
}

std::vector<int64_t> Draw(std::mt19937_64& random, size_t n, double stddev) {
  std::normal_distribution<double> normal(0, stddev);
  std::vector<int64_t> out(n);
  for (int64_t& v : out) v = std::llround(normal(random));
  return out;
}

// Releases of zero gradients through the whole chain: their covariance between steps must be that
// of C^-1 z, (C^T C)^-1 up to the scale. Each of the 36 entries is within 5 standard errors: false
// alarm rate 36 * 6e-7 = 2e-5.
TEST(CorrelatedNoise, HasTheCovarianceOfTheInverse) {
  constexpr size_t kParameters = 20000;
  constexpr int kSteps = 8;
  const PrivacyPlan plan = CorrelatedPlan(kParameters, kSteps, 4);
  core::SecureRandom random = MakeRandom();
  CountingLedger ledger;
  CorrelatedNoise past(plan.correlation->blt, kParameters);
  std::vector<std::vector<float>> released;
  const std::vector<double> d = plan.correlation->blt.InverseCoefficients(kSteps);
  double row = 0;
  for (int step = 0; step < kSteps; ++step) {
    Result<GroupGradientSum> sum = GroupGradientSum::Create(plan);
    ASSERT_TRUE(sum.ok());
    Result<NoisedGradient> noised =
        AddNoise(std::move(*sum).Finish(), *ledger.Charge(step), random, &past);
    ASSERT_TRUE(noised.ok()) << noised.status().message();
    row += d[static_cast<size_t>(step)] * d[static_cast<size_t>(step)];
    EXPECT_NEAR(noised->noise_stddev(), 2.0 * 0.5 / 4 * std::sqrt(row), 1e-12);
    released.emplace_back(noised->values().begin(), noised->values().end());
  }
  const double unit = 2.0 * 0.5 / 4;
  for (size_t s = 0; s < kSteps; ++s) {
    for (size_t t = 0; t <= s; ++t) {
      const auto expected = [&](size_t a, size_t b) {
        double sum = 0;
        for (size_t i = 0; i <= b; ++i) sum += d[a - i] * d[b - i];
        return sum;
      };
      double covariance = 0;
      for (size_t i = 0; i < kParameters; ++i) covariance += released[s][i] * released[t][i];
      covariance /= kParameters * unit * unit;
      const double error = std::sqrt(
          (expected(s, s) * expected(t, t) + expected(s, t) * expected(s, t)) / kParameters);
      EXPECT_NEAR(covariance, expected(s, t), 5 * error) << s << " " << t;
    }
  }
}

// The heart of the privacy argument, in the numbers as they are computed: two runs that release
// the same drew noises that differ by C (x - x') and no more than RoundingPerStep besides.
TEST(CorrelatedNoise, EqualReleasesNeedNoisesThatDifferByC) {
  constexpr size_t kParameters = 500;
  constexpr int64_t kSteps = 60;
  const Blt blt = Make();
  const std::vector<double> c = blt.Coefficients(kSteps);
  const double most = CorrelatedNoise::RoundingPerStep(blt, kSteps);
  EXPECT_LT(most, 1.001);
  std::mt19937_64 random(11);
  CorrelatedNoise one(blt, kParameters), other(blt, kParameters);
  std::vector<std::vector<int64_t>> difference;  // x - x', by step
  for (int64_t t = 0; t < kSteps; ++t) {
    difference.push_back(Draw(random, kParameters, t % 7 == 0 ? 1e5 : 0));
    const std::vector<int64_t> z = Draw(random, kParameters, 0x1p30);
    std::vector<int64_t> w = z;
    ASSERT_TRUE(one.Correlate(t, w).ok());
    std::vector<int64_t> past(kParameters, 0);  // - floor(sum of the other's buffers)
    ASSERT_TRUE(CorrelatedNoise(other).Correlate(t, past).ok());
    std::vector<int64_t> z_other(kParameters);
    for (size_t i = 0; i < kParameters; ++i) z_other[i] = w[i] + difference.back()[i] - past[i];
    std::vector<int64_t> w_other = z_other;
    ASSERT_TRUE(other.Correlate(t, w_other).ok());
    for (size_t i = 0; i < kParameters; ++i) {
      ASSERT_EQ(w_other[i], w[i] + difference.back()[i]) << "it has the inverse";
      double shift = 0;
      for (int64_t s = 0; s <= t; ++s) {
        shift += c[static_cast<size_t>(t - s)] *
                 static_cast<double>(difference[static_cast<size_t>(s)][i]);
      }
      ASSERT_LT(std::abs(static_cast<double>(z_other[i] - z[i]) - shift), most) << t;
    }
  }
}

TEST(CorrelatedNoise, GoesOnFromItsStateAsIfItHadNeverStopped) {
  std::mt19937_64 random(3);
  CorrelatedNoise whole(Make(), 50), first(Make(), 50), second(Make(), 50);
  for (int64_t t = 0; t < 10; ++t) {
    const std::vector<int64_t> z = Draw(random, 50, 1e6);
    std::vector<int64_t> a = z, b = z;
    ASSERT_TRUE(whole.Correlate(t, a).ok());
    if (t == 6) {
      ASSERT_TRUE(second.Restore(t, first.state()).ok());
    }
    ASSERT_TRUE((t < 6 ? first : second).Correlate(t, b).ok());
    EXPECT_EQ(a, b) << t;
  }
  EXPECT_EQ(second.Restore(0, std::vector<int64_t>(3)).code(), StatusCode::kFormat);
  EXPECT_EQ(second.Restore(0, std::vector<int64_t>(100, INT64_MIN)).code(), StatusCode::kFormat);
}

// A step whose release was lost adds nothing to later ones: neither its noise nor its sum.
TEST(CorrelatedNoise, SkipsLostStepsAsIfTheirNoiseHadBeenNone) {
  const Blt blt = Make();
  CorrelatedNoise noise(blt, 1);
  constexpr int64_t kUnit = int64_t{1} << 40;
  std::vector<int64_t> w = {kUnit};
  ASSERT_TRUE(noise.Correlate(0, w).ok());
  noise.SkipTo(3);
  const std::vector<double> c = blt.Coefficients(8);
  std::vector<double> expected = {1, 0, 0};
  for (int64_t t = 3; t < 8; ++t) {
    std::vector<int64_t> next = {0};
    ASSERT_TRUE(noise.Correlate(t, next).ok());
    // From w_0 = 1 and w_1 = w_2 = 0, by C w = z with z_t = 0 from t = 3 on.
    double past = 0;
    for (size_t s = 0; s < static_cast<size_t>(t); ++s) {
      past += c[static_cast<size_t>(t) - s] * expected[s];
    }
    expected.push_back(-past);
    EXPECT_NEAR(static_cast<double>(next[0]) / kUnit, -past, 1e-9) << t;
  }
}

TEST(CorrelatedNoise, RefusesStepsOutOfOrderAndNumbersThatDoNotFit) {
  CorrelatedNoise noise(Make(), 2);
  std::vector<int64_t> z = {1, 2};
  EXPECT_EQ(noise.Correlate(1, z).status().code(), StatusCode::kInternal);
  ASSERT_TRUE(noise.Correlate(0, z).ok());
  EXPECT_EQ(noise.Correlate(0, z).status().code(), StatusCode::kInternal);
  z = {1, int64_t{1} << 60};
  EXPECT_EQ(noise.Correlate(1, z).status().code(), StatusCode::kInternal);
  z = {1};
  EXPECT_EQ(noise.Correlate(1, z).status().code(), StatusCode::kInternal);
}

TEST(CorrelatedPlan, MustBeUsedWithItsNoise) {
  const PrivacyPlan correlated = CorrelatedPlan(3, 4, 2);
  const PrivacyPlan independent = Plan(3);
  core::SecureRandom random = MakeRandom();
  CountingLedger ledger;
  CorrelatedNoise past(Make(), 3);
  const auto code = [&](const PrivacyPlan& plan, CorrelatedNoise* noise) {
    Result<GroupGradientSum> sum = GroupGradientSum::Create(plan);
    EXPECT_TRUE(sum.ok()) << sum.status().message();
    return AddNoise(std::move(*sum).Finish(), *ledger.Charge(0), random, noise).status().code();
  };
  EXPECT_EQ(code(correlated, nullptr), StatusCode::kInternal);
  EXPECT_EQ(code(independent, &past), StatusCode::kInternal);
  EXPECT_EQ(code(correlated, &past), StatusCode::kOk);
}

TEST(CorrelatedPlan, RefusesASchemaThatTheStepsDoNotKeep) {
  ASSERT_TRUE(CorrelatedPlan(3, 4, 2).Validate().ok());
  PrivacyPlan plan = CorrelatedPlan(3, 4, 2);
  plan.correlation->schema.participations = 1;
  EXPECT_EQ(plan.Validate().code(), StatusCode::kUsage);
  plan = CorrelatedPlan(3, 4, 2);
  plan.steps = 5;
  EXPECT_EQ(plan.Validate().code(), StatusCode::kUsage);
  plan = CorrelatedPlan(3, 4, 2);
  plan.sampling_rate = 0.5;
  EXPECT_EQ(plan.Validate().code(), StatusCode::kUsage);
  plan = CorrelatedPlan(uint64_t{1} << 31, 100000, 1000);
  EXPECT_EQ(plan.Validate().code(), StatusCode::kUsage) << "no grid is fine enough";
}

TEST(CorrelatedPlan, TakesGroupsInTurns) {
  const PrivacyPlan plan = CorrelatedPlan(3, 7, 3);
  core::SecureRandom random = MakeRandom();
  EXPECT_EQ(SampleGroups(plan, 8, 0, random), (std::vector<uint32_t>{0, 3, 6}));
  EXPECT_EQ(SampleGroups(plan, 8, 4, random), (std::vector<uint32_t>{1, 4, 7}));
  EXPECT_EQ(SampleGroups(plan, 8, 5, random), (std::vector<uint32_t>{2, 5}));
  EXPECT_TRUE(SampleGroups(plan, 2, 5, random).empty());
}

TEST(CorrelatedPlan, CostsOneReleaseOfItsSensitivity) {
  const PrivacyPlan plan = CorrelatedPlan(3, 7, 3);
  const Correlation& correlation = *plan.correlation;
  const double run = Sensitivity(correlation.blt, correlation.schema);
  const MechanismEvent event = plan.Event();
  EXPECT_EQ(event.steps, 1);
  EXPECT_EQ(event.sampling_rate, 1);
  EXPECT_LT(event.noise_multiplier, 2.0 / run);
  EXPECT_NEAR(event.noise_multiplier, 2.0 / run, 2e-3);
  EXPECT_EQ(Plan(3, 2).Event().noise_multiplier, 2);
}

}  // namespace
}  // namespace selvedge::privacy
