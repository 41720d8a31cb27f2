#include "privacy/accounting/lower_bound.h"

#include <gtest/gtest.h>

#include <cmath>

namespace selvedge::privacy {
namespace {

TEST(EpsilonLowerBound, IsExactForFullBatches) {
  for (const double sigma : {0.7, 2.0, 9.0}) {
    for (const int64_t steps : {int64_t{1}, int64_t{30}, int64_t{1000}}) {
      const double upper = *ComputeEpsilon({{1, sigma, steps}}, 1e-5);
      const double lower = *EpsilonLowerBound({{1, sigma, steps}}, 1e-5);
      EXPECT_LE(lower, upper);
      if (upper > 500) continue;  // the tails underflow, and nobody needs the bracket
      EXPECT_NEAR(lower, upper, 1e-6 * upper) << sigma << " " << steps;
    }
  }
}

TEST(EpsilonLowerBound, NeverPassesTheUpperBounds) {
  for (const double q : {0.001, 0.05, 0.5}) {
    for (const double sigma : {0.6, 3.0}) {
      for (const int64_t steps : {int64_t{1}, int64_t{200}}) {
        const std::vector<MechanismEvent> events = {{q, sigma, steps}};
        const double lower = *EpsilonLowerBound(events, 1e-5);
        EXPECT_LE(lower, *ComputeEpsilon(events, 1e-5)) << q << " " << sigma << " " << steps;
        EXPECT_GE(lower, 0);
      }
    }
  }
}

// SOURCE: dp_reference_brackets of the PRV accountant (prv-accountant, Gopi et al. 2021): its lower
// ends for one step, where the sum is the release and so nothing is lost: q 0.002, sigma 0.6,
// delta 1e-5 -> 0.278473.
TEST(EpsilonLowerBound, IsTightForOneSampledStep) {
  EXPECT_NEAR(*EpsilonLowerBound({{0.002, 0.6, 1}}, 1e-5), 0.278473, 2e-5);
}

TEST(EpsilonLowerBound, CountsTheMostTellingKindAndNothingForNone) {
  const double one = *EpsilonLowerBound({{1, 3, 10}}, 1e-5);
  EXPECT_EQ(*EpsilonLowerBound({{1, 3, 4}, {0.01, 5, 3}, {1, 3, 6}}, 1e-5), one);
  EXPECT_EQ(*EpsilonLowerBound({{0, 1, 10}}, 1e-5), 0);
  EXPECT_EQ(*EpsilonLowerBound({}, 1e-5), 0);
  EXPECT_EQ(EpsilonLowerBound({{2, 1, 1}}, 1e-5).status().code(), StatusCode::kUsage);
  EXPECT_EQ(EpsilonLowerBound({{1, 1, 1}}, 0).status().code(), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge::privacy
