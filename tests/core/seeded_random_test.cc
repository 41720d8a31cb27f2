#include "core/seeded_random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace selvedge::core {
namespace {

// SOURCE: an independent Python 3.11 transcription of the authors' splitmix64.c and
// xoshiro256starstar.c, seed 42, first four outputs.
TEST(SeededRandom, FollowsThePublishedGenerator) {
  SeededRandom random(42);
  EXPECT_EQ(random.NextU64(), 1546998764402558742u);
  EXPECT_EQ(random.NextU64(), 6990951692964543102u);
  EXPECT_EQ(random.NextU64(), 12544586762248559009u);
  EXPECT_EQ(random.NextU64(), 17057574109182124193u);
}

TEST(SeededRandom, StreamsOfOneSeedDiffer) {
  EXPECT_EQ(SeededRandom(42, 0).NextU64(), SeededRandom(42).NextU64());
  EXPECT_EQ(SeededRandom(42, 7).NextU64(), SeededRandom(42, 7).NextU64());
  std::set<uint64_t> firsts;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    for (uint64_t stream = 0; stream < 30; ++stream) {
      firsts.insert(SeededRandom(seed, stream).NextU64());
    }
  }
  EXPECT_EQ(firsts.size(), 900u);
}

TEST(SeededRandom, GaussianHasZeroMeanAndUnitVariance) {
  SeededRandom random(1);
  const int n = 200000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.NextGaussian();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96.0 / n));
}

TEST(SeededRandom, NextBelowReachesEveryValueEvenly) {
  SeededRandom random(2);
  int counts[7] = {};
  for (int i = 0; i < 70000; ++i) ++counts[random.NextBelow(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  for (int i = 0; i < 1000; ++i) {
    const double x = random.NextDouble();
    EXPECT_GE(x, 0);
    EXPECT_LT(x, 1);
  }
}

}  // namespace
}  // namespace selvedge::core
