#include "privacy/audit/canary_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace selvedge::privacy {
namespace {

using ::testing::HasSubstr;

// A run whose canaries move the sum by `shift` under noise `sigma`, while the plan says otherwise.
CanaryRun Simulate(double plan_sigma, double sigma, double shift, int64_t steps, size_t canaries,
                   unsigned seed) {
  std::mt19937 generator(seed);
  CanaryRun run;
  run.event = {1, plan_sigma, steps};
  run.delta = 1e-5;
  for (size_t i = 0; i < canaries; ++i) run.included.push_back(generator() & 1);
  for (int64_t t = 0; t < steps; ++t) {
    std::vector<double> step;
    for (const uint8_t in : run.included) {
      step.push_back(shift * in + std::normal_distribution<>(0, sigma)(generator));
    }
    run.statistics.push_back(std::move(step));
  }
  return run;
}

TEST(CanaryAudit, AnHonestRunPasses) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const auto verdict = JudgeCanaries(Simulate(4, 4, 1, 12, 1000, seed), 0.95);
    ASSERT_TRUE(verdict.ok());
    EXPECT_TRUE(verdict->failures.empty()) << seed << ": " << verdict->failures.front();
    EXPECT_LE(verdict->epsilon_lower, verdict->epsilon_upper);
    EXPECT_NEAR(verdict->noise_multiplier, 4, 0.2);
    EXPECT_NEAR(verdict->shift, 1, 0.4);
  }
}

TEST(CanaryAudit, FindsAnEpsilonWorthTheNameInALeakyRun) {
  const auto verdict = JudgeCanaries(Simulate(1, 1, 1, 12, 1000, 3), 0.95);
  ASSERT_TRUE(verdict.ok());
  EXPECT_GT(verdict->epsilon_lower, 2);
  EXPECT_GT(verdict->correct, verdict->guesses * 9 / 10);
}

TEST(CanaryAudit, NamesWhatIsWrong) {
  const auto failure = [](double sigma, double shift) {
    const auto verdict = JudgeCanaries(Simulate(4, sigma, shift, 12, 1000, 7), 0.95);
    return verdict->failures.empty() ? std::string("none") : verdict->failures.back();
  };
  EXPECT_THAT(failure(2, 1), HasSubstr("noise multiplier"));
  EXPECT_THAT(failure(3.5, 1), HasSubstr("noise multiplier"));
  EXPECT_THAT(failure(4, 2), HasSubstr("sensitivity"));
  EXPECT_THAT(failure(4, 0.2), HasSubstr("sensitivity"));
  EXPECT_THAT(failure(0.01, 1), HasSubstr("noise multiplier"));
  const auto off = JudgeCanaries(Simulate(4, 0.01, 1, 12, 1000, 7), 0.95);
  EXPECT_GT(off->epsilon_lower, off->epsilon_upper);
  EXPECT_GT(off->step_epsilon_lower, off->step_epsilon_upper);
}

TEST(CanaryAudit, RefusesWhatItCannotJudge) {
  EXPECT_EQ(JudgeCanaries(Simulate(4, 4, 1, 12, 39, 1), 0.95).status().code(), StatusCode::kUsage);
  CanaryRun sampled = Simulate(4, 4, 1, 12, 100, 1);
  sampled.event.sampling_rate = 0.5;
  EXPECT_EQ(JudgeCanaries(sampled, 0.95).status().code(), StatusCode::kUsage);
  CanaryRun cut = Simulate(4, 4, 1, 12, 100, 1);
  cut.statistics.pop_back();
  EXPECT_EQ(JudgeCanaries(cut, 0.95).status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace selvedge::privacy
