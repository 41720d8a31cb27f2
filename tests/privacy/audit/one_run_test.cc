#include "privacy/audit/one_run.h"

#include <gtest/gtest.h>

namespace selvedge::privacy {
namespace {

// SOURCE: the formula of Theorem 5.2 in mpmath 1.2.1, 30 digits, inverted by bisection; confidence
// 95 %.
TEST(OneRunAudit, MatchesTheTheorem) {
  struct Row {
    OneRunAudit audit;
    double lower_bound;
    double p_at_one;
  };
  const Row rows[] = {
      {{1000, 200, 150, 0}, 0.821396243064432, 0.3031877298305105},
      {{1000, 200, 150, 1e-5}, 0.8199729121700392, 0.3044225124350066},
      {{1000, 200, 190, 1e-5}, 2.3936182772568517, 0.0003537425801322182},
      {{1000, 1000, 520, 1e-5}, 0.0, 1.0},
      {{500, 100, 99, 1e-6}, 3.018518543846827, 2.904562042994484e-05},
  };
  for (const Row& row : rows) {
    EXPECT_NEAR(*OneRunEpsilonLowerBound(row.audit, 0.95), row.lower_bound, 1e-6);
    EXPECT_NEAR(*OneRunPValue(row.audit, 1) / row.p_at_one, 1, 1e-9);
  }
}

TEST(OneRunAudit, GrowsWithCorrectGuesses) {
  double last = 0;
  for (const int64_t correct : {60, 70, 80, 90, 100}) {
    const double bound = *OneRunEpsilonLowerBound({100, 100, correct, 1e-6}, 0.95);
    EXPECT_GT(bound + (correct == 60 ? 1e-9 : 0), last) << correct;
    last = bound;
  }
  EXPECT_EQ(*OneRunEpsilonLowerBound({100, 0, 0, 0}, 0.95), 0);
}

TEST(OneRunAudit, RefusesContradictions) {
  EXPECT_EQ(OneRunEpsilonLowerBound({10, 20, 5, 0}, 0.95).status().code(), StatusCode::kUsage);
  EXPECT_EQ(OneRunEpsilonLowerBound({10, 5, 6, 0}, 0.95).status().code(), StatusCode::kUsage);
  EXPECT_EQ(OneRunEpsilonLowerBound({10, 5, 5, 1}, 0.95).status().code(), StatusCode::kUsage);
  EXPECT_EQ(OneRunEpsilonLowerBound({10, 5, 5, 0}, 1).status().code(), StatusCode::kUsage);
  EXPECT_EQ(OneRunPValue({10, 5, 5, 0}, -1).status().code(), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge::privacy
