#include "privacy/clipping/grid_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

namespace selvedge::privacy {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> Gradient(size_t n, float scale, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> out(n);
  for (float& value : out) value = normal(generator);
  return out;
}

GridSum MakeSum(uint64_t parameters, double clip_norm, Clipping clipping = Clipping::kFlat,
                double sigma = 1) {
  const Result<Grid> grid = ChooseGrid(sigma, clip_norm, parameters);
  EXPECT_TRUE(grid.ok());
  return GridSum(*grid, clipping, parameters);
}

// Exact sum of squares of the grid values.
unsigned __int128 Squares(const GridSum& sum) {
  unsigned __int128 squares = 0;
  for (const int64_t value : sum.values()) {
    squares += static_cast<unsigned __int128>(static_cast<__int128>(value) * value);
  }
  return squares;
}

double Length(const GridSum& sum) {
  return std::sqrt(static_cast<double>(Squares(sum))) * sum.grid().size;
}

TEST(GridSum, ClipsHugeGradientsToTheClipNorm) {
  for (const float scale : {10.0f, 1e10f, 1e30f, 3e37f}) {
    GridSum sum = MakeSum(1000, 2.5);
    EXPECT_GT(sum.Add(Gradient(1000, scale, 1)), 2.5);
    EXPECT_EQ(sum.skipped(), 0);
    EXPECT_LE(Squares(sum), sum.grid().norm_squared_max);
    EXPECT_NEAR(Length(sum), 2.5, 2.5e-3);
  }
}

TEST(GridSum, KeepsShortGradientsToHalfAGridPoint) {
  GridSum sum = MakeSum(1000, 100);
  const std::vector<float> gradient = Gradient(1000, 1, 2);
  double squared = 0;
  for (const float value : gradient) squared += static_cast<double>(value) * value;
  EXPECT_NEAR(sum.Add(gradient), std::sqrt(squared), 1e-9);
  for (size_t i = 0; i < gradient.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(sum.values()[i]) * sum.grid().size, gradient[i],
                0.501 * sum.grid().size);
  }
}

TEST(GridSum, AddsNothingForNonFiniteGradients) {
  for (const float bad : {kNaN, kInf, -kInf}) {
    for (const Clipping clipping : {Clipping::kFlat, Clipping::kAutoS}) {
      GridSum sum = MakeSum(100, 1, clipping);
      std::vector<float> gradient = Gradient(100, 1e6f, 3);
      gradient[57] = bad;
      EXPECT_TRUE(std::isnan(sum.Add(gradient)));
      EXPECT_EQ(sum.skipped(), 1);
      EXPECT_TRUE(Squares(sum) == 0);
    }
  }
}

TEST(GridSum, TakesZeroAndDenormalGradients) {
  for (const Clipping clipping : {Clipping::kFlat, Clipping::kAutoS}) {
    GridSum sum = MakeSum(100, 1, clipping);
    EXPECT_EQ(sum.Add(std::vector<float>(100, 0.0f)), 0);
    EXPECT_GT(sum.Add(std::vector<float>(100, std::numeric_limits<float>::denorm_min())), 0);
    EXPECT_EQ(sum.skipped(), 0);
    EXPECT_TRUE(Squares(sum) == 0);
  }
}

TEST(GridSum, AddsIdenticalGradientsExactly) {
  const std::vector<float> gradient = Gradient(10, 100, 4);
  GridSum one = MakeSum(10, 1);
  one.Add(gradient);
  GridSum many = MakeSum(10, 1);
  for (int i = 0; i < 10000; ++i) many.Add(gradient);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(many.values()[i], 10000 * one.values()[i]);
}

TEST(GridSum, DoesNotDependOnTheOrderOfTheGroups) {
  constexpr size_t kGroups = 50;
  std::vector<std::vector<float>> gradients;
  for (uint32_t i = 0; i < kGroups; ++i) {
    gradients.push_back(Gradient(333, std::pow(10.0f, static_cast<float>(i % 9) - 4), i));
  }
  std::vector<size_t> order(kGroups);
  std::iota(order.begin(), order.end(), 0);
  GridSum first = MakeSum(333, 1);
  for (const size_t i : order) first.Add(gradients[i]);
  std::mt19937 generator(5);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(order.begin(), order.end(), generator);
    GridSum again = MakeSum(333, 1);
    for (const size_t i : order) again.Add(gradients[i]);
    EXPECT_TRUE(std::equal(first.values().begin(), first.values().end(), again.values().begin()));
  }
}

// Replacing one group by nothing moves the sum by at most C, exactly, in integers.
TEST(GridSum, MovesByAtMostTheClipNormWhenAGroupIsLeftOut) {
  for (const Clipping clipping : {Clipping::kFlat, Clipping::kAutoS}) {
    for (const float scale : {1e-3f, 1.0f, 1e3f, 1e30f}) {
      GridSum with = MakeSum(2000, 0.7, clipping, 3);
      GridSum without = MakeSum(2000, 0.7, clipping, 3);
      for (uint32_t i = 0; i < 5; ++i) {
        with.Add(Gradient(2000, 1, i));
        without.Add(Gradient(2000, 1, i));
      }
      with.Add(Gradient(2000, scale, 77));
      unsigned __int128 moved = 0;
      for (size_t i = 0; i < 2000; ++i) {
        const int64_t difference = with.values()[i] - without.values()[i];
        moved += static_cast<uint64_t>(difference * difference);
      }
      EXPECT_TRUE(moved <= with.grid().norm_squared_max);
    }
  }
}

TEST(GridSum, NormalisesEveryGradientUnderAutoS) {
  for (const float scale : {1e-3f, 1.0f, 1e20f}) {
    GridSum sum = MakeSum(500, 3, Clipping::kAutoS);
    const double norm = sum.Add(Gradient(500, scale, 5));
    EXPECT_NEAR(Length(sum), 3 * norm / (norm + 0.01), 3e-3);
  }
}

// All coordinates halfway between grid points, at the clip norm: rounding adds the most it can.
TEST(GridSum, KeepsWorstCaseRoundingWithinTheClipNorm) {
  for (const uint64_t parameters : {uint64_t{1}, uint64_t{100}, uint64_t{1} << 20}) {
    GridSum sum = MakeSum(parameters, 1, Clipping::kFlat, 4);
    const double even = sum.grid().clip_norm / std::sqrt(static_cast<double>(parameters));
    const double halfway = (std::floor(even / sum.grid().size) + 0.5) * sum.grid().size;
    sum.Add(std::vector<float>(parameters, static_cast<float>(halfway)));
    EXPECT_EQ(sum.skipped(), 0) << parameters;
    EXPECT_LE(Squares(sum), sum.grid().norm_squared_max) << parameters;
  }
}

// SOURCE: C' = C - sqrt(d) / (2 points per C) for C = 1, 2^20 points, d = 10^6, evaluated in
// python.
TEST(ChooseGrid, LosesLittleOfTheClipNorm) {
  const Result<Grid> grid = ChooseGrid(1, 1, 1000000);
  ASSERT_TRUE(grid.ok());
  EXPECT_EQ(grid->sigma_bits, 20);
  EXPECT_NEAR(grid->clip_norm, 0.9995231628417969, 1e-11);
  for (const double sigma : {0.01, 0.5, 3.0, 50.0, 1000.0}) {
    for (const uint64_t parameters : {uint64_t{1}, uint64_t{50000}, uint64_t{4000000}}) {
      const Result<Grid> chosen = ChooseGrid(sigma, 0.1, parameters);
      ASSERT_TRUE(chosen.ok());
      EXPECT_GE(chosen->clip_norm, 0.1 * (1 - 1.0 / 1024 - 1e-9));
      EXPECT_LT(chosen->clip_norm, 0.1);
      EXPECT_GE(chosen->sigma_bits, 20);
      EXPECT_LT(chosen->norm_squared_max, uint64_t{1} << 54);
      // Noise over sensitivity, both in grid units, is never below sigma.
      EXPECT_GE(std::ldexp(1.0, chosen->sigma_bits) /
                    std::sqrt(static_cast<double>(chosen->norm_squared_max)),
                sigma);
    }
  }
  EXPECT_EQ(ChooseGrid(1e5, 1, 1000000).status().code(), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge::privacy
