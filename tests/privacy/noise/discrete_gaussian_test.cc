#include "privacy/noise/discrete_gaussian.h"

#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "core/secure_random.h"
#include "privacy/noise/word_buffer.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {
namespace {

// Chi-squared of `draws` samples against the pmf; cells expecting fewer than 10 are pooled.
// Returns the statistic and sets the degrees of freedom.
double ChiSquared(const std::map<int64_t, int64_t>& counts, int64_t draws,
                  const std::vector<double>& half_pmf, int& degrees) {
  double statistic = 0;
  double pooled_expected = static_cast<double>(draws);
  double pooled_count = static_cast<double>(draws);
  degrees = 0;
  for (int64_t x = -static_cast<int64_t>(half_pmf.size()) + 1;
       x < static_cast<int64_t>(half_pmf.size()); ++x) {
    const double expected = static_cast<double>(draws) * half_pmf[static_cast<size_t>(std::abs(x))];
    if (expected < 10) continue;
    const auto found = counts.find(x);
    const double count = found == counts.end() ? 0 : static_cast<double>(found->second);
    statistic += (count - expected) * (count - expected) / expected;
    pooled_expected -= expected;
    pooled_count -= count;
    ++degrees;
  }
  if (pooled_expected > 1) {
    statistic +=
        (pooled_count - pooled_expected) * (pooled_count - pooled_expected) / pooled_expected;
  } else {
    --degrees;
  }
  return statistic;
}

// Wilson-Hilferty quantile of chi-squared at upper tail 1e-6 (normal quantile 4.753).
double ChiSquaredLimit(int degrees) {
  const double spread = 2.0 / (9.0 * degrees);
  return degrees * std::pow(1 - spread + 4.753424 * std::sqrt(spread), 3);
}

std::vector<double> HalfPmf(double sigma, int most) {
  std::vector<double> pmf;
  double total = 0;
  for (int x = 0; x <= most; ++x) {
    pmf.push_back(std::exp(-0.5 * x * x / (sigma * sigma)));
    total += x == 0 ? 1 : 2 * pmf.back();
  }
  for (double& p : pmf) p /= total;
  return pmf;
}

struct Scale {
  uint64_t numerator;
  uint64_t denominator;
};

class DiscreteGaussianScales : public testing::TestWithParam<Scale> {};

// False alarm rate 1e-6 per case, with a source that has a fixed seed.
TEST_P(DiscreteGaussianScales, FollowsThePmf) {
  const auto [numerator, denominator] = GetParam();
  const double sigma = static_cast<double>(numerator) / static_cast<double>(denominator);
  const auto sampler = DiscreteGaussian::Create(numerator, denominator);
  ASSERT_TRUE(sampler.ok()) << sampler.status().message();
  SeededWords words(20261120 + numerator);
  RandomBits<SeededWords> random(words);
  constexpr int64_t kDraws = 300000;
  std::map<int64_t, int64_t> counts;
  for (int64_t i = 0; i < kDraws; ++i) ++counts[sampler->Sample(random)];
  int degrees = 0;
  const double statistic =
      ChiSquared(counts, kDraws, HalfPmf(sigma, static_cast<int>(12 * sigma) + 12), degrees);
  ASSERT_GE(degrees, 2);
  EXPECT_LT(statistic, ChiSquaredLimit(degrees));
}

INSTANTIATE_TEST_SUITE_P(Sigmas, DiscreteGaussianScales,
                         testing::Values(Scale{1, 2}, Scale{1, 1}, Scale{5, 2}, Scale{16, 1},
                                         Scale{7, 3}, Scale{37, 1}));

// SOURCE: python 3, double: exp(-x^2 / (2 s^2)) over its sum for |x| <= 60.
TEST(DiscreteGaussian, TestPmfMatchesTheReferenceFigures) {
  EXPECT_NEAR(HalfPmf(0.5, 30)[0], 0.7865707070419479, 1e-15);
  EXPECT_NEAR(HalfPmf(0.5, 30)[2], 0.0002638650764154286, 1e-18);
  EXPECT_NEAR(HalfPmf(1, 30)[1], 0.24197072322446056, 1e-15);
  EXPECT_NEAR(HalfPmf(1, 30)[5], 1.4867195067794917e-06, 1e-20);
  EXPECT_NEAR(HalfPmf(2.5, 60)[0], 0.15957691216057307, 1e-15);
  EXPECT_NEAR(HalfPmf(2.5, 60)[5], 0.02159638660527522, 1e-16);
}

// At the scale of the product the distribution is the continuous normal to within 1e-6 everywhere:
// 64 cells of equal width in units of sigma, false alarm rate 1e-6.
TEST(DiscreteGaussian, IsNormalAtTheScaleOfTheProduct) {
  constexpr double kSigma = 1 << 20;
  const auto sampler = DiscreteGaussian::Create(1 << 20);
  ASSERT_TRUE(sampler.ok());
  SeededWords words(7);
  RandomBits<SeededWords> random(words);
  constexpr int kCells = 64;
  constexpr int kDraws = 400000;
  std::array<int, kCells> counts{};
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double z = static_cast<double>(sampler->Sample(random)) / kSigma;
    sum += z;
    squares += z * z;
    const double uniform = 0.5 * std::erfc(-z / std::sqrt(2.0));
    ++counts[std::min(kCells - 1, static_cast<int>(uniform * kCells))];
  }
  double statistic = 0;
  constexpr double kExpected = static_cast<double>(kDraws) / kCells;
  for (const int count : counts) statistic += (count - kExpected) * (count - kExpected) / kExpected;
  EXPECT_LT(statistic, ChiSquaredLimit(kCells - 1));
  // 5 standard errors: false alarm rate 6e-7 each.
  EXPECT_NEAR(sum / kDraws, 0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
}

// A sampler that fed a 24-bit uniform into Box-Muller could not pass 5.77 sigma and would leave
// holes in the low bits.
TEST(DiscreteGaussian, UsesEveryLowBit) {
  const auto sampler = DiscreteGaussian::Create(1 << 20);
  ASSERT_TRUE(sampler.ok());
  SeededWords words(11);
  RandomBits<SeededWords> random(words);
  std::array<int, 64> low_bits{};
  constexpr int kDraws = 64000;
  for (int i = 0; i < kDraws; ++i) ++low_bits[static_cast<uint64_t>(sampler->Sample(random)) % 64];
  double statistic = 0;
  for (const int count : low_bits) statistic += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(statistic, ChiSquaredLimit(63));
}

TEST(DiscreteGaussian, RefusesScalesItCannotSampleExactly) {
  EXPECT_EQ(DiscreteGaussian::Create(0).status().code(), StatusCode::kUsage);
  EXPECT_EQ(DiscreteGaussian::Create(1, 0).status().code(), StatusCode::kUsage);
  EXPECT_EQ(DiscreteGaussian::Create(uint64_t{1} << 31).status().code(), StatusCode::kUsage);
  EXPECT_EQ(DiscreteGaussian::Create(1, 1025).status().code(), StatusCode::kUsage);
  EXPECT_TRUE(DiscreteGaussian::Create(uint64_t{1} << 30).ok());
}

TEST(DiscreteGaussian, ReportsItsSpeedWithTheSecureGenerator) {
  auto secure = core::SecureRandom::Create();
  ASSERT_TRUE(secure.ok());
  WordBuffer words(*secure);
  RandomBits<WordBuffer> random(words);
  const auto sampler = DiscreteGaussian::Create(1 << 20);
  ASSERT_TRUE(sampler.ok());
  constexpr int kDraws = 100000;
  int64_t nonzero = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kDraws; ++i) nonzero += sampler->Sample(random) != 0;
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  RecordProperty("ns_per_sample", std::to_string(took.count() / kDraws));
  std::printf("ns per sample: %.0f\n", took.count() / kDraws);
  EXPECT_GT(nonzero, kDraws - 100);  // P[x = 0] is 4e-7
}

TEST(RandomBits, TakesEveryBitOnce) {
  struct Counter {
    uint64_t next = 0x0123456789abcdef;
    uint64_t NextU64() { return next; }
  } counter;
  RandomBits<Counter> random(counter);
  EXPECT_EQ(random.Take(4), 0xfu);
  EXPECT_EQ(random.Take(60), 0x0123456789abcdeu);
  EXPECT_EQ(random.Take(64), 0x0123456789abcdefu);
  EXPECT_EQ(random.Take(0), 0u);
  EXPECT_EQ(random.Take(60), 0x123456789abcdefu);
  EXPECT_EQ(random.Take(8), 0x0fu);  // 4 left bits (0), then 0xf
}

// Unbiased below a bound that is no power of two: chi-squared at false alarm rate 1e-6.
TEST(RandomBits, IsUniformBelowAnyBound) {
  SeededWords words(3);
  RandomBits<SeededWords> random(words);
  for (const int bound : {1, 2, 3, 7, 10, 100}) {
    const DrawBound below(static_cast<Uint128>(bound));
    std::vector<double> counts(static_cast<size_t>(bound));
    for (int i = 0; i < 1000 * bound; ++i) ++counts[static_cast<size_t>(random.Below(below))];
    double statistic = 0;
    for (const double count : counts) statistic += (count - 1000) * (count - 1000) / 1000;
    if (bound == 1) continue;
    EXPECT_LT(statistic, ChiSquaredLimit(bound - 1)) << bound;
  }
}

}  // namespace
}  // namespace selvedge::privacy
