#include "privacy/correlated/blt.h"

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace selvedge::privacy {
namespace {

Blt Make(const std::vector<double>& theta, const std::vector<double>& omega) {
  Result<Blt> blt = Blt::Create(theta, omega);
  EXPECT_TRUE(blt.ok()) << blt.status().message();
  return std::move(blt).value();
}

// SOURCE: numpy 1.24 in double, coefficients by their definition, the inverse by forward
// substitution on the materialised matrix, sensitivities and errors from it; n = 64.
struct Golden {
  std::vector<double> theta, omega, coefficients, inverse;
  double single, one_participation, every_16, every_8, twice_16, max_error, rms_error;
};

const std::vector<Golden>& Goldens() {
  static const std::vector<Golden> goldens = {
      {{0.95, 0.5},
       {0.1, 0.2},
       {1, 0.3, 0.195, 0.14025, 0.1107375, 0.093950625, 0.08362809375, 0.07663418906249998},
       {1, -0.3, -0.105, -0.05025, -0.0331125, -0.026270625, -0.0224297812, -0.0196516206},
       1.1099224719720218,
       1.2319278937884832,
       5.745244212891996,
       14.456891939091081,
       2.6789516914696554,
       2.9398197113606526,
       2.3809784703461243},
      {{0.99, 0.9, 0.4},
       {0.04, 0.08, 0.18},
       {1, 0.3, 0.1836, 0.132804, 0.10865196, 0.0955198404, 0.08712200199600001, 0.08091176597604},
       {1, -0.3, -0.0936, -0.049644, -0.0367326, -0.0303593794, -0.0258519854, -0.0222329565},
       1.121388088160449,
       1.2575112442681469,
       6.189676715547752,
       16.152673836131285,
       2.7933668698173872,
       2.709752910698226,
       2.3006559490960683}};
  return goldens;
}

constexpr double kGrid = 2e-8;  // parameters are rounded to 2^-32

TEST(Blt, AgreesWithItsMatrixAndInverse) {
  for (const Golden& golden : Goldens()) {
    const Blt blt = Make(golden.theta, golden.omega);
    const std::vector<double> c = blt.Coefficients(8);
    const std::vector<double> d = blt.InverseCoefficients(8);
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_NEAR(c[i], golden.coefficients[i], kGrid) << i;
      if (i >= 6) continue;
      EXPECT_NEAR(d[i], golden.inverse[i], 1e-9 + kGrid) << i;
    }
    const std::vector<double> long_c = blt.Coefficients(200);
    const std::vector<double> long_d = blt.InverseCoefficients(200);
    for (size_t i = 0; i < 200; ++i) {
      double product = 0;
      for (size_t k = 0; k <= i; ++k) product += long_c[k] * long_d[i - k];
      EXPECT_NEAR(product, i == 0 ? 1 : 0, 1e-12) << i;
    }
  }
}

TEST(Blt, SensitivitiesAreThoseOfTheReference) {
  for (const Golden& golden : Goldens()) {
    const Blt blt = Make(golden.theta, golden.omega);
    const auto squared = [&](int64_t b, int64_t k) {
      const double s = Sensitivity(blt, {64, b, k});
      return s * s;
    };
    EXPECT_NEAR(Sensitivity(blt, {64, 64, 1}), golden.single, kGrid);
    EXPECT_NEAR(squared(64, 1), golden.one_participation, 10 * kGrid);
    EXPECT_NEAR(squared(16, 4), golden.every_16, 10 * kGrid);
    EXPECT_NEAR(squared(8, 8), golden.every_8, 100 * kGrid);
    EXPECT_NEAR(squared(16, 2), golden.twice_16, 10 * kGrid);
    EXPECT_EQ(squared(16, 400), squared(16, 4)) << "more than there is room for";
  }
}

TEST(Blt, ErrorsOfPrefixSumsAreThoseOfTheReference) {
  for (const Golden& golden : Goldens()) {
    const PrefixError error = ErrorOf(Make(golden.theta, golden.omega), 64);
    EXPECT_NEAR(error.max, golden.max_error, 1e-6);
    EXPECT_NEAR(error.rms, golden.rms_error, 1e-6);
  }
  EXPECT_DOUBLE_EQ(ErrorOf(Blt(), 64).max, 8);  // sqrt(64): independent noise
}

// Every set of steps that a group may take part in, with contributions of norm 1 in random
// directions: none may pass the closed form, and the first pattern of aligned ones must reach it.
TEST(Blt, SensitivityIsTheLargestOverAllPatterns) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  constexpr int kSteps = 12, kDimensions = 3;
  for (const Golden& golden : Goldens()) {
    const Blt blt = Make(golden.theta, golden.omega);
    const std::vector<double> c = blt.Coefficients(kSteps);
    for (const int b : {1, 2, 3, 5, 12}) {
      for (const int k : {1, 2, 3, 12}) {
        const double bound = Sensitivity(blt, {kSteps, b, k});
        double most = 0;
        for (uint32_t pattern = 1; pattern < 1u << kSteps; ++pattern) {
          bool allowed = std::popcount(pattern) <= k;
          for (int gap = 1; gap < b; ++gap) allowed = allowed && (pattern & pattern >> gap) == 0;
          if (!allowed) continue;
          for (const bool aligned : {true, false}) {
            double x[kSteps][kDimensions] = {};
            for (int t = 0; t < kSteps; ++t) {
              if ((pattern >> t & 1) == 0) continue;
              double norm = 0;
              for (double& v : x[t]) {
                v = aligned ? 1 : normal(random);
                norm += v * v;
              }
              for (double& v : x[t]) v /= std::sqrt(norm);
            }
            double squared = 0;
            for (int t = 0; t < kSteps; ++t) {
              double step = 0;
              for (int i = 0; i < kDimensions; ++i) {
                double sum = 0;
                for (int s = 0; s <= t; ++s) sum += c[static_cast<size_t>(t - s)] * x[s][i];
                step += sum * sum;
              }
              squared += step;
            }
            most = std::max(most, std::sqrt(squared));
          }
        }
        EXPECT_LE(most, bound * (1 + 1e-14)) << b << " " << k;
        EXPECT_NEAR(most, bound, 1e-12) << b << " " << k;
      }
    }
  }
}

TEST(Blt, RefusesWhatItsSensitivityDoesNotHoldFor) {
  const auto code = [](std::vector<double> theta, std::vector<double> omega) {
    return Blt::Create(theta, omega).status().code();
  };
  EXPECT_EQ(code({1.0}, {0.1}), StatusCode::kUsage);
  EXPECT_EQ(code({-0.1}, {0.1}), StatusCode::kUsage);
  EXPECT_EQ(code({0.5}, {-0.1}), StatusCode::kUsage);
  EXPECT_EQ(code({0.5, 0.2}, {0.6, 0.5}), StatusCode::kUsage);  // c_1 > c_0
  EXPECT_EQ(code({0.5}, {}), StatusCode::kUsage);
  EXPECT_EQ(code({std::nan("")}, {0.1}), StatusCode::kUsage);
  EXPECT_EQ(code({0.5}, {std::nan("")}), StatusCode::kUsage);
  EXPECT_EQ(code(std::vector<double>(5, 0.5), std::vector<double>(5, 0.1)), StatusCode::kUsage);
  EXPECT_EQ(Check({0, 1, 1}).code(), StatusCode::kUsage);
  EXPECT_EQ(Check({1 << 20, 1, 1}).code(), StatusCode::kUsage);
  EXPECT_EQ(Check({1, 0, 1}).code(), StatusCode::kUsage);
  EXPECT_EQ(Check({1, 1, 0}).code(), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge::privacy
