#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/kernels/reference/reference.h"
#include "tests/core/kernel_cases.h"

namespace selvedge::kernels {
namespace {

using core::SeededRandom;

constexpr size_t kLengths[] = {1, 3, 7, 8, 15, 16, 17, 31, 64, 100, 1000};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(VectorOps, DotAndAxpyAgreeWithDoublePrecision) {
  SeededRandom random(30);
  for (const size_t n : kLengths) {
    const std::vector<float> a = RandomValues(random, n), b = RandomValues(random, n);
    double dot = 0;
    for (size_t i = 0; i < n; ++i) dot += double{a[i]} * b[i];
    for (const core::Isa isa : AvailableIsas()) {
      EXPECT_NEAR(TableFor(isa).dot(a.data(), b.data(), n), dot, 1e-6 * n + 1e-6);
      std::vector<float> y = b;
      y.push_back(7);  // must stay
      TableFor(isa).axpy(0.5f, a.data(), y.data(), n);
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], b[i] + 0.5 * a[i], 1e-6);
      EXPECT_EQ(y[n], 7);
    }
  }
}

TEST(VectorOps, RmsNormAgreesWithDoublePrecision) {
  SeededRandom random(31);
  for (const size_t n : kLengths) {
    const std::vector<float> x = RandomValues(random, n), weight = RandomValues(random, n);
    double squares = 0;
    for (const float v : x) squares += double{v} * v;
    const double scale = 1 / std::sqrt(squares / n + 1e-5);
    for (const core::Isa isa : AvailableIsas()) {
      std::vector<float> out(n + 1, 7);
      TableFor(isa).rms_norm_row(x.data(), weight.data(), 1e-5f, n, out.data());
      for (size_t i = 0; i < n; ++i) {
        EXPECT_NEAR(out[i], x[i] * scale * weight[i], 2e-6 * (1 + std::fabs(out[i])));
      }
      EXPECT_EQ(out[n], 7);
    }
  }
}

// The exponential on its own: silu(g) = g / (1 + e^-g) for g << 0 is g e^g.
TEST(VectorOps, SiluIsAccurateOverTheWholeRange) {
  std::vector<float> gate;
  for (double g = -110; g < 110; g += 0.0173) gate.push_back(static_cast<float>(g));
  const std::vector<float> up(gate.size(), 1.0f);
  for (const core::Isa isa : AvailableIsas()) {
    std::vector<float> out(gate.size());
    TableFor(isa).silu_mul(gate.data(), up.data(), gate.size(), out.data());
    for (size_t i = 0; i < gate.size(); ++i) {
      const double g = gate[i];
      const double expected = g / (1 + std::exp(-g));
      // Where e^-g leaves f32 the result may be flushed to 0.
      const double absolute = g < -87 ? 1e-35 : 0;
      EXPECT_NEAR(out[i], expected, 1e-6 * std::fabs(expected) + absolute)
          << core::IsaName(isa) << " " << g;
    }
  }
}

TEST(VectorOps, SoftmaxAgreesWithDoublePrecision) {
  SeededRandom random(32);
  for (const size_t n : kLengths) {
    for (const double scale : {1.0, 30.0}) {
      const std::vector<float> x = RandomValues(random, n, scale);
      double largest = -1e30, sum = 0;
      for (const float v : x) largest = std::max(largest, double{v});
      for (const float v : x) sum += std::exp(v - largest);
      for (const core::Isa isa : AvailableIsas()) {
        std::vector<float> y = x;
        y.push_back(7);
        TableFor(isa).softmax(y.data(), n);
        for (size_t i = 0; i < n; ++i) {
          const double expected = std::exp(x[i] - largest) / sum;
          // x - max rounds in f32: half a unit in its last place is a relative error of the result.
          const double relative = 1e-6 + std::fabs(x[i] - largest) * 6e-8;
          EXPECT_NEAR(y[i], expected, relative * expected + 1e-37) << core::IsaName(isa);
        }
        EXPECT_EQ(y[n], 7);
      }
    }
  }
}

TEST(VectorOps, SoftmaxGivesMaskedPlacesZeroAndPassesNanOn) {
  for (const core::Isa isa : AvailableIsas()) {
    std::vector<float> x(21, -kInfinity);
    x[3] = x[20] = 5;
    TableFor(isa).softmax(x.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_FLOAT_EQ(x[i], i == 3 || i == 20 ? 0.5f : 0.0f) << core::IsaName(isa);
    }
    std::vector<float> bad(21, 1.0f);
    bad[9] = std::nanf("");
    TableFor(isa).softmax(bad.data(), bad.size());
    EXPECT_TRUE(std::isnan(bad[0])) << core::IsaName(isa);
    TableFor(isa).softmax(nullptr, 0);
  }
}

TEST(VectorOps, RopeAgreesWithTheScalarTwinAndLeavesTheRestAlone) {
  SeededRandom random(33);
  for (const size_t rot : {2u, 6u, 16u, 32u, 50u, 64u, 128u}) {
    const std::vector<float> x = RandomValues(random, rot + 2);
    std::vector<float> cos, sin;
    for (size_t i = 0; i < rot / 2; ++i) {
      cos.push_back(static_cast<float>(std::cos(0.3 * i)));
      sin.push_back(static_cast<float>(std::sin(0.3 * i)));
    }
    for (const bool interleaved : {false, true}) {
      std::vector<float> expected = x;
      reference::Rope(expected.data(), 1, rot + 2, rot, cos.data(), sin.data(), interleaved);
      EXPECT_EQ(expected[rot], x[rot]);
      for (const core::Isa isa : AvailableIsas()) {
        std::vector<float> y = x;
        TableFor(isa).rope_head(y.data(), rot, cos.data(), sin.data(), interleaved);
        for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-6);
      }
    }
  }
}

// SOURCE: by hand: a quarter turn takes (a, b) to (-b, a).
TEST(VectorOps, RopePairsAreAdjacentOrHalvesApart) {
  const float cos[2] = {0, 0}, sin[2] = {1, 1};
  float halves[8] = {1, 2, 3, 4, 5, 6, 7, 8};  // two heads of 4
  Rope(halves, 2, 4, 4, cos, sin, /*interleaved=*/false);
  const float expected_halves[8] = {-3, -4, 1, 2, -7, -8, 5, 6};
  float pairs[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  Rope(pairs, 2, 4, 4, cos, sin, /*interleaved=*/true);
  const float expected_pairs[8] = {-2, 1, -4, 3, -6, 5, -8, 7};
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(halves[i], expected_halves[i]);
    EXPECT_EQ(pairs[i], expected_pairs[i]);
  }
}

}  // namespace
}  // namespace selvedge::kernels
