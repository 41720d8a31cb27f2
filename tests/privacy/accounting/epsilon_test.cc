#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include <selvedge/privacy.h>

#include "privacy/accounting/best_bound.h"
#include "privacy/accounting/gaussian.h"
#include "privacy/accounting/pld.h"
#include "privacy/accounting/rdp.h"

namespace selvedge {
namespace {

using Events = std::vector<MechanismEvent>;

double Epsilon(const Events& events, double delta, Accountant accountant = Accountant::kBest) {
  const Result<double> epsilon = ComputeEpsilon(events, delta, accountant);
  EXPECT_TRUE(epsilon.ok()) << epsilon.status().message();
  return epsilon.ok() ? *epsilon : NAN;
}

struct Bracket {
  Events events;
  double delta;
  double lower;    // no valid bound is below
  double pld;      // pessimistic PLD at grid step 1e-4
  double rdp_max;  // the smaller of two other RDP accountants
};

// SOURCE: lower: the PRV accountant of Gopi et al. 2021 with eps_error between 5e-4 and 2e-3; pld:
// dp_accounting 0.6.0 PLDAccountant, pessimistic, grid 1e-4; rdp: the smaller of dp_accounting's
// and Opacus's RDP accountants. Add-or-remove adjacency.
const Bracket kBrackets[] = {
    {{{0.002, 0.6, 1}}, 1e-5, 0.27776876, 0.2784758503, 2.132604508},
    {{{0.002, 0.6, 3000}}, 1e-6, 3.7525228, 3.754864237, 4.625399348},
    {{{0.002, 0.8, 30}}, 1e-6, 0.4093443, 0.4102642479, 1.533618934},
    {{{0.002, 1.2, 3000}}, 1e-5, 0.39321501, 0.3941130324, 0.5914481565},
    {{{0.002, 3, 30}}, 1e-5, 0.0093918454, 0.009908253251, 0.1033182152},
    {{{0.02, 1.2, 200}, {0.05, 0.8, 100}}, 1e-5, 5.8726798, 5.875120482, 6.788663824},
    {{{1, 3, 5}, {0.02, 1.2, 300}, {0.25, 3, 60}}, 1e-5, 4.745465, 4.74772349, 5.14552956},
    {{{0.05, 1.2, 30}, {0.05, 1.2, 30}}, 1e-6, 2.3274707, 2.329627442, 2.674350377},
    {{{0.02, 0.9, 40}, {0.03, 1.1, 40}, {0.05, 1.3, 40}, {0.08, 1.6, 40}, {0.15, 2.5, 40}},
     1e-6,
     3.5075237,
     3.509715544,
     3.928551818},
};

TEST(PldAccountant, StaysInsideTheBrackets) {
  for (const Bracket& row : kBrackets) {
    const double epsilon = Epsilon(row.events, row.delta, Accountant::kPld);
    EXPECT_GE(epsilon, row.lower);
    EXPECT_LE(epsilon, row.pld * 1.002 + 1e-3);
  }
}

TEST(RdpAccountant, IsAtLeastAsTightAsOthers) {
  for (const Bracket& row : kBrackets) {
    const double epsilon = Epsilon(row.events, row.delta, Accountant::kRdp);
    EXPECT_GE(epsilon, row.lower);
    EXPECT_LE(epsilon, row.rdp_max * (1 + 1e-6));
  }
}

TEST(BestAccountant, IsTheSmallestBoundAndNamesIt) {
  for (const Bracket& row : kBrackets) {
    EXPECT_EQ(Epsilon(row.events, row.delta),
              std::min(Epsilon(row.events, row.delta, Accountant::kPld),
                       Epsilon(row.events, row.delta, Accountant::kRdp)));
  }
  EXPECT_EQ(privacy::BestEpsilon({{1, 2, 20}}, 1e-5)->accountant, "gaussian");
  EXPECT_EQ(privacy::BestEpsilon({{0.01, 1, 100}}, 1e-5)->accountant, "pld");
  EXPECT_EQ(privacy::BestEpsilon({{0.01, 1, 100}}, 1e-5, Accountant::kRdp)->accountant, "rdp");
  // Below what a PLD's truncation and round-off can certify, RDP is left.
  EXPECT_EQ(privacy::BestEpsilon({{0.01, 1, 100}}, 1e-18)->accountant, "rdp");
}

// Without sampling the PLD machinery must reproduce the closed form, from above.
TEST(PldAccountant, ReproducesTheGaussianMechanism) {
  for (const double sigma : {0.3, 0.7, 1.0, 3.0, 20.0}) {
    for (const int64_t steps : {1, 7, 300}) {
      for (const double delta : {1e-3, 1e-5, 1e-8}) {
        const double exact =
            privacy::GaussianEpsilon(std::sqrt(static_cast<double>(steps)) / sigma, delta);
        const Events events = {{1, sigma, steps}};
        const double pld = privacy::PldEpsilon(events, delta);
        EXPECT_GE(pld, exact);
        EXPECT_LE(pld, exact * 1.0005 + 1e-6) << sigma << " " << steps << " " << delta;
        EXPECT_NEAR(Epsilon(events, delta), exact, 1e-12 * exact);
      }
    }
  }
}

// One subsampled release has a closed form: delta(eps) = q delta_G(ln(1 + (e^eps - 1) / q)) in the
// remove direction, the larger one.
TEST(PldAccountant, ReproducesOneSampledRelease) {
  for (const double q : {0.001, 0.05, 0.5, 0.95}) {
    for (const double sigma : {0.4, 1.0, 5.0}) {
      const Events events = {{q, sigma, 1}};
      const double epsilon = privacy::PldEpsilon(events, 1e-6);
      const auto delta = [&](double eps) {
        return q * privacy::GaussianDelta(std::log1p(std::expm1(eps) / q), 1 / sigma);
      };
      EXPECT_LE(delta(epsilon), 1e-6) << q << " " << sigma;
      if (epsilon > 0) {
        EXPECT_GT(delta(epsilon * (1 - 5e-4) - 1e-6), 1e-6) << q << " " << sigma;
      }
    }
  }
}

TEST(ComputeEpsilon, DoesNotDependOnTheOrderOrGroupingOfEvents) {
  const Events forward = {{0.02, 1.2, 200}, {0.05, 0.8, 100}, {1, 4, 3}};
  const Events backward = {{1, 4, 3}, {0.05, 0.8, 100}, {0.02, 1.2, 200}};
  for (const Accountant accountant : {Accountant::kPld, Accountant::kRdp, Accountant::kBest}) {
    EXPECT_NEAR(Epsilon(forward, 1e-5, accountant), Epsilon(backward, 1e-5, accountant), 1e-9);
    EXPECT_NEAR(Epsilon({{0.04, 1, 50}, {0.04, 1, 50}, {0.04, 1, 50}}, 1e-5, accountant),
                Epsilon({{0.04, 1, 150}}, 1e-5, accountant), 1e-9);
    EXPECT_NEAR(Epsilon({{1, 3, 2}, {1, 3, 7}}, 1e-5, accountant),
                Epsilon({{1, 3, 9}}, 1e-5, accountant), 1e-9);
  }
}

TEST(ComputeEpsilon, NeverFallsWithMoreExposure) {
  for (const Accountant accountant : {Accountant::kPld, Accountant::kRdp, Accountant::kBest}) {
    // Strictly more exposure by far more than the grid's error.
    double last = 0;
    for (const double q : {0.001, 0.002, 0.01, 0.03, 0.1, 0.3, 0.9, 1.0}) {
      const double epsilon = Epsilon({{q, 1.1, 60}}, 1e-5, accountant);
      EXPECT_GT(epsilon, last) << q;
      last = epsilon;
    }
    last = 0;
    for (const int64_t steps : {1, 2, 5, 20, 21, 100, 1000, 20000}) {
      const double epsilon = Epsilon({{0.02, 1.1, steps}}, 1e-5, accountant);
      EXPECT_GT(epsilon, last) << steps;
      last = epsilon;
    }
    last = 0;
    for (const double sigma : {20.0, 5.0, 2.0, 1.9, 1.0, 0.7, 0.3, 0.1}) {
      const double epsilon = Epsilon({{0.02, sigma, 60}}, 1e-5, accountant);
      EXPECT_GT(epsilon, last) << sigma;
      last = epsilon;
    }
    last = 0;
    for (const double delta : {1e-2, 1e-4, 1e-5, 5e-6, 1e-7, 1e-9}) {
      const double epsilon = Epsilon({{0.02, 1.1, 60}}, delta, accountant);
      EXPECT_GT(epsilon, last) << delta;
      last = epsilon;
    }
  }
}

TEST(ComputeEpsilon, HandlesTheEnds) {
  EXPECT_EQ(Epsilon({}, 1e-5), 0);
  EXPECT_EQ(Epsilon({{0, 1, 1000}}, 1e-5), 0);
  EXPECT_EQ(Epsilon({{1, 1e8, 1}}, 1e-5), 0);
  EXPECT_GT(Epsilon({{0.5, 0.01, 10}}, 1e-5), 1e4);
  EXPECT_TRUE(std::isfinite(Epsilon({{0.5, 1, 1000000000000}}, 1e-5)));
}

TEST(ComputeEpsilon, RefusesParametersOutOfRange) {
  const auto code = [](const Events& events, double delta) {
    return ComputeEpsilon(events, delta).status().code();
  };
  for (const double delta : {0.0, 1.0, -1.0, 3.0, std::nan("")}) {
    EXPECT_EQ(code({{0.1, 1, 1}}, delta), StatusCode::kUsage) << delta;
  }
  EXPECT_EQ(code({{1.1, 1, 1}}, 1e-5), StatusCode::kUsage);
  EXPECT_EQ(code({{-0.1, 1, 1}}, 1e-5), StatusCode::kUsage);
  EXPECT_EQ(code({{0.1, 0, 1}}, 1e-5), StatusCode::kUsage);
  EXPECT_EQ(code({{0.1, std::nan(""), 1}}, 1e-5), StatusCode::kUsage);
  EXPECT_EQ(code({{0.1, 1, 0}}, 1e-5), StatusCode::kUsage);
  EXPECT_EQ(ComputeEpsilon({{0.1, 1, 1}, {0.1, -2, 1}}, 1e-5).status().message(),
            "mechanism event 1: noise multiplier: got -2.000000, must be in [0.001, 1e9]");
}

// SOURCE: bisection of dp_accounting 0.6.0's PLD accountant.
TEST(ComputeNoiseMultiplier, IsSufficientAndTight) {
  struct Row {
    double q;
    int64_t steps;
    double delta;
    double epsilon;
    double sigma;
  };
  const Row rows[] = {{0.02, 300, 1e-5, 1, 1.55615},
                      {0.05, 200, 1e-5, 8, 0.786894},
                      {0.25, 60, 1e-6, 4, 2.56185},
                      {1, 20, 1e-5, 2, 8.91661}};
  for (const Row& row : rows) {
    const Result<double> sigma = ComputeNoiseMultiplier(row.epsilon, row.delta, row.q, row.steps);
    ASSERT_TRUE(sigma.ok()) << sigma.status().message();
    EXPECT_LE(*sigma, row.sigma * 1.002);
    EXPECT_GE(*sigma, row.sigma * 0.999);
    EXPECT_LE(Epsilon({{row.q, *sigma, row.steps}}, row.delta), row.epsilon);
    EXPECT_GT(Epsilon({{row.q, *sigma * (1 - 1e-4), row.steps}}, row.delta), row.epsilon);
  }
}

TEST(ComputeNoiseMultiplier, RefusesParametersOutOfRange) {
  const auto code = [](double epsilon, double delta, double q, int64_t steps) {
    return ComputeNoiseMultiplier(epsilon, delta, q, steps).status().code();
  };
  EXPECT_EQ(code(0, 1e-5, 0.1, 10), StatusCode::kUsage);
  EXPECT_EQ(code(HUGE_VAL, 1e-5, 0.1, 10), StatusCode::kUsage);
  EXPECT_EQ(code(1, 0, 0.1, 10), StatusCode::kUsage);
  EXPECT_EQ(code(1, 1e-5, 0, 10), StatusCode::kUsage);
  EXPECT_EQ(code(1, 1e-5, 0.1, 0), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge
