#include "privacy/accounting/rdp.h"

#include <cmath>

#include <gtest/gtest.h>

namespace selvedge::privacy {
namespace {

struct Point {
  double q;
  double sigma;
  double order;
  double rdp;
};

// SOURCE: mpmath 1.2.1, 40 digits, quad over the defining integral of Mironov, Talwar, Zhang 2019,
// section 3.3, in 41 pieces on [-14 sigma, order + 14 sigma].
TEST(SampledGaussianRdp, MatchesExactValues) {
  const Point points[] = {
      {0.01, 1, 8, 0.000893643907606031847},   {0.1, 0.5, 2, 0.429169590597899684},
      {0.001, 4, 256, 1.06527573846390621},    {0.04, 0.7, 64, 62.0361533570499911},
      {0.01, 1, 7.8, 0.000847566138562662201}, {0.1, 0.5, 1.1, 0.069535892902514148},
      {0.25, 0.6, 1.3, 0.230977664104988564}};
  for (const Point& p : points) {
    EXPECT_NEAR(SampledGaussianRdp(p.q, p.sigma, p.order) / p.rdp, 1, 1e-10)
        << p.q << " " << p.sigma << " " << p.order;
  }
}

TEST(SampledGaussianRdp, QuadratureMeetsTheBinomialSum) {
  for (const double sigma : {0.06, 0.3, 0.5, 1.0, 4.0, 50.0}) {
    for (const double q : {1e-4, 0.01, 0.3, 0.9}) {
      for (const double order : {2.0, 3.0, 10.0}) {
        const double sum = SampledGaussianRdp(q, sigma, order);
        const double integral = SampledGaussianRdp(q, sigma, order + 1e-9);
        EXPECT_NEAR(integral, sum, 1e-6 * sum + 1e-13) << q << " " << sigma << " " << order;
      }
    }
  }
}

TEST(SampledGaussianRdp, ChordIsAnUpperBoundForTinyNoise) {
  const double chord = SampledGaussianRdp(0.1, 0.0499, 2.5);
  EXPECT_GE(chord, SampledGaussianRdp(0.1, 0.0501, 2.5));
  EXPECT_TRUE(std::isfinite(SampledGaussianRdp(0.1, 0.001, 1.5)));
}

TEST(SampledGaussianRdp, HasTheKnownEnds) {
  EXPECT_EQ(SampledGaussianRdp(0, 1, 4), 0);
  EXPECT_EQ(SampledGaussianRdp(1, 2, 4), 0.5);
}

// SOURCE: mpmath 1.2.1: rdp + ln(1 - 1/a) - ln(delta a) / (a - 1).
TEST(EpsilonFromRdp, MatchesTheImprovedConversion) {
  EXPECT_NEAR(EpsilonFromRdp(0.9, 8, 1e-6), 2.4430498954161113, 1e-12);
  EXPECT_NEAR(EpsilonFromRdp(0.3, 2, 1e-5), 10.426631103850339, 1e-12);
  EXPECT_NEAR(EpsilonFromRdp(2.0, 32, 1e-6), 2.302115000239115, 1e-12);
  EXPECT_EQ(EpsilonFromRdp(1e-12, 2, 1e-5), 0);
}

// SOURCE: an independent Python minimisation over continuous orders, delta = 1e-6, made
// before this code was written; as many digits as it printed.
TEST(RdpEpsilon, FindsTheContinuousOptimum) {
  struct Row {
    MechanismEvent event;
    double epsilon;
  };
  const Row rows[] = {{{0.1, 0.5, 10000}, 829.94}, {{0.1, 0.5, 1000}, 143.347},
                      {{0.01, 1, 1000}, 2.43632},  {{0.1, 0.7, 300}, 31.164},
                      {{0.001, 0.5, 1}, 3.51146},  {{0.04, 4, 1}, 0.08926},
                      {{0.001, 4, 10000}, 0.10081}};
  for (const Row& row : rows) {
    const MechanismEvent events[] = {row.event};
    EXPECT_NEAR(RdpEpsilon(events, 1e-6) / row.epsilon, 1, 6e-5) << row.epsilon;
  }
}

}  // namespace
}  // namespace selvedge::privacy
