#include "privacy/accounting/gaussian.h"

#include <cmath>

#include <gtest/gtest.h>

#include "privacy/accounting/normal.h"

namespace selvedge::privacy {
namespace {

// SOURCE: mpmath 1.2.1, 40 digits: ncdf(-eps/mu + mu/2) - exp(eps) ncdf(-eps/mu - mu/2).
TEST(GaussianDelta, MatchesTheClosedForm) {
  EXPECT_NEAR(GaussianDelta(1, 0.25) / 2.9242721048564073e-06, 1, 1e-12);
  EXPECT_NEAR(GaussianDelta(1, 1) / 0.12693673750664395, 1, 1e-12);
  EXPECT_NEAR(GaussianDelta(4, 1) / 4.7122412007931199e-05, 1, 1e-12);
  EXPECT_NEAR(GaussianDelta(8, 2) / 0.00049540173893874536, 1, 1e-12);
  EXPECT_NEAR(GaussianDelta(0, 1), std::erf(0.5 / std::sqrt(2.0)), 1e-15);
}

// delta(-eps) = 1 - e^-eps + e^-eps delta(eps), since the mechanism is symmetric.
TEST(GaussianDelta, IsSymmetric) {
  for (const double mu : {0.01, 0.3, 1.0, 5.0, 40.0}) {
    for (const double epsilon : {0.001, 0.1, 1.0, 4.0}) {
      EXPECT_NEAR(GaussianDelta(-epsilon, mu),
                  -std::expm1(-epsilon) + std::exp(-epsilon) * GaussianDelta(epsilon, mu), 1e-14)
          << mu << " " << epsilon;
    }
  }
}

TEST(GaussianEpsilon, InvertsDeltaAndNeverFallsBelow) {
  for (const double mu : {1e-4, 0.01, 0.3, 1.0, 5.0, 40.0, 1000.0}) {
    for (const double delta : {0.3, 1e-3, 1e-6, 1e-12, 1e-100, 1e-300}) {
      const double epsilon = GaussianEpsilon(mu, delta);
      EXPECT_LE(GaussianLogDelta(epsilon, mu), std::log(delta)) << mu << " " << delta;
      if (epsilon > 0) {
        EXPECT_GT(GaussianLogDelta(epsilon - 1e-9 * (1 + epsilon), mu), std::log(delta))
            << mu << " " << delta;
      }
    }
  }
}

TEST(GaussianEpsilon, IsZeroWithoutSignal) {
  EXPECT_EQ(GaussianEpsilon(0, 1e-5), 0);
  EXPECT_EQ(GaussianEpsilon(1e-6, 1e-5), 0);
}

TEST(Normal, TailsAgreeAndStayAccurate) {
  // SOURCE: mpmath 1.2.1, 40 digits: erfc(z / sqrt(2)) / 2 and exp(25) erfc(5).
  EXPECT_NEAR(NormalSurvival(5) / 2.866515718791939e-07, 1, 1e-12);
  EXPECT_NEAR(NormalSurvival(10) / 7.619853024160527e-24, 1, 1e-12);
  EXPECT_EQ(NormalCdf(-3), NormalSurvival(3));
  for (const double tail : {0.4, 1e-3, 1e-10, 1e-30, 1e-200}) {
    const double z = NormalTailPoint(tail);
    EXPECT_LE(NormalSurvival(z), tail);
    EXPECT_GT(NormalSurvival(z - 1e-9), tail);
  }
  // The two formulas of ScaledErfc meet at 5.
  EXPECT_NEAR(ScaledErfc(5) / 0.11070463773306863, 1, 1e-14);
  EXPECT_NEAR(ScaledErfc(4.9999999) / ScaledErfc(5), 1, 1e-7);
}

}  // namespace
}  // namespace selvedge::privacy
