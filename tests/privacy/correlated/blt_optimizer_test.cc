#include "privacy/correlated/blt_optimizer.h"

#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace selvedge::privacy {
namespace {

Blt Optimal(const Participation& schema, size_t buffers, BltObjective objective) {
  Result<Blt> blt = OptimizeBlt(schema, buffers, objective);
  EXPECT_TRUE(blt.ok()) << blt.status().message();
  return std::move(blt).value();
}

// The least possible loss of any Toeplitz matrix for one participation is the sum of the squares of
// r_i = binomial(2 i, i) / 4^i (Fichtenberger, Henzinger, Upadhyay 2022, arXiv 2202.11205; optimal
// by arXiv 2404.16706, theorem 2.1).
double LeastMaxLoss(int64_t steps) {
  double r = 1, sum = 0;
  for (int64_t i = 0; i < steps; ++i) {
    sum += r * r;
    r *= (2 * static_cast<double>(i) + 1) / (2 * static_cast<double>(i) + 2);
  }
  return sum;
}

TEST(OptimizeBlt, ComesCloseToTheBestToeplitzMatrix) {
  for (const int64_t steps : {30, 300, 3000}) {
    const double least = LeastMaxLoss(steps);
    const Participation once{steps, steps, 1};
    double before = 1e9;
    for (const size_t buffers : {1, 2, 3, 4}) {
      const double loss =
          BltLoss(Optimal(once, buffers, BltObjective::kMaxError), once, BltObjective::kMaxError);
      EXPECT_GE(loss, least * (1 - 1e-9)) << steps << " " << buffers;
      EXPECT_LE(loss, before * (1 + 1e-3)) << steps << " " << buffers;
      before = loss;
    }
    EXPECT_LT(before, least * 1.02) << steps;  // 2404.16706: within 1 % with 4 to 5 buffers
  }
}

// Standard deviation of the prefix sums of a binary tree whose nodes are noised, over the
// sensitivity: the counts of a group in the nodes (Kairouz et al. 2021, arXiv 2103.00039), without
// the variance reduction of Honaker's estimate.
double TreeRmsLoss(const Participation& s) {
  double sensitivity = 0, variance = 0;
  for (int64_t size = 1; size < 2 * s.steps; size *= 2) {
    for (int64_t node = 0; node * size < s.steps; ++node) {
      double count = 0;
      for (int64_t j = 0; j < s.participations; ++j) {
        const int64_t t = j * s.min_separation;
        count += t / size == node && (node + 1) * size <= s.steps ? 1 : 0;
      }
      sensitivity += count * count;
    }
  }
  for (int64_t t = 1; t <= s.steps; ++t) variance += std::popcount(static_cast<uint64_t>(t));
  return std::sqrt(sensitivity * variance / static_cast<double>(s.steps));
}

TEST(OptimizeBlt, BeatsIndependentNoiseAndTrees) {
  for (const Participation& schema : {Participation{30, 10, 3}, Participation{100, 100, 1},
                                      Participation{240, 40, 6}, Participation{2048, 256, 8}}) {
    const double blt =
        BltLoss(Optimal(schema, 3, BltObjective::kRmsError), schema, BltObjective::kRmsError);
    EXPECT_LT(blt, BltLoss(Blt(), schema, BltObjective::kRmsError)) << schema.steps;
    EXPECT_LT(blt, TreeRmsLoss(schema)) << schema.steps;
  }
}

// Where every group takes part in every step, correlation gains little: it must not lose either.
TEST(OptimizeBlt, IsNeverWorseThanIndependentNoise) {
  for (const int64_t steps : {1, 2, 7, 30}) {
    for (const auto objective : {BltObjective::kMaxError, BltObjective::kRmsError}) {
      const Participation always{steps, 1, steps};
      EXPECT_LE(BltLoss(Optimal(always, 2, objective), always, objective),
                BltLoss(Blt(), always, objective))
          << steps;
    }
  }
}

TEST(OptimizeBlt, DependsOnItsArgumentsAlone) {
  const Participation schema{100, 10, 10};
  const Blt first = Optimal(schema, 3, BltObjective::kRmsError);
  const Blt second = Optimal(schema, 3, BltObjective::kRmsError);
  EXPECT_EQ(first.theta(), second.theta());
  EXPECT_EQ(first.omega(), second.omega());
  EXPECT_EQ(OptimizeBlt(schema, 5).status().code(), StatusCode::kUsage);
  EXPECT_EQ(OptimizeBlt({0, 1, 1}, 2).status().code(), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge::privacy
