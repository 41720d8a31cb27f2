#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/core/exact_products.h"

namespace selvedge::kernels {
namespace {

using core::DType;
using core::SeededRandom;
using core::ThreadPool;

struct Shape {
  size_t m, n, k;
};

// Around every edge: 7 rows, 32 and 64 columns, chunks of 64, slices of 256, 1024 rows at once.
constexpr Shape kShapes[] = {{1, 1, 32},    {1, 33, 64},   {3, 16, 96},    {7, 32, 256},
                             {8, 31, 288},  {14, 65, 32},  {15, 129, 544}, {29, 100, 128},
                             {64, 320, 96}, {1030, 36, 64}};

std::vector<core::Isa> IsasWithInt16() {
  std::vector<core::Isa> isas;
  for (const core::Isa isa : AvailableIsas()) {
    if (TableFor(isa).int16 != nullptr) isas.push_back(isa);
  }
  return isas;
}

class GemmInt16 : public testing::Test {
 protected:
  void SetUp() override {
    if (IsasWithInt16().empty()) GTEST_SKIP() << "this processor has no 16-bit products";
  }
};

double Norm(const float* x, size_t n, size_t stride) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += double{x[i * stride]} * x[i * stride];
  return std::sqrt(sum);
}

// Rounding moves each side by at most half a unit, 1 / 32700 of a chunk's norm: the product of
// vectors of norms a and w moves by at most 2 sqrt(chunk) / 2 / 32700 a w, and a scale that is
// shared by the slice's other chunks changes nothing about that. Far above what is typical.
double Bound(double a, double w) { return 8.0 / 32700 * 1.01 * a * w + 1e-6; }

TEST_F(GemmInt16, EveryElementIsWithinTheRoundingBound) {
  SeededRandom random(20);
  ThreadPool pool(2);
  for (const DType type : KernelTypes()) {
    for (Shape s : kShapes) {
      s.k = Fitting(type, s.k);
      const Weight w(random, type, s.n, s.k);
      const std::vector<float> x = RandomValues(random, s.m * s.k);
      const std::vector<float> dy = RandomValues(random, s.m * s.n, 1e-4);
      const std::vector<double> exact_y = ExactForward(w, x), exact_dx = ExactInputGrad(w, dy);
      for (const core::Isa isa : IsasWithInt16()) {
        std::vector<float> y(s.m * s.n, NAN), dx(s.m * s.k, NAN);
        GemmForwardInt16(TableFor(isa), pool, w.view, x.data(), s.m, y.data());
        GemmInputGradInt16(TableFor(isa), pool, w.view, dy.data(), s.m, dx.data(), false);
        for (size_t i = 0; i < s.m; ++i) {
          const double norm = Norm(&x[i * s.k], s.k, 1);
          for (size_t j = 0; j < s.n; ++j) {
            ASSERT_NEAR(y[i * s.n + j], exact_y[i * s.n + j],
                        Bound(norm, Norm(&w.values[j * s.k], s.k, 1)))
                << Name(isa, type) << " " << s.m << " " << s.n << " " << s.k;
          }
          const double dy_norm = Norm(&dy[i * s.n], s.n, 1);
          for (size_t p = 0; p < s.k; ++p) {
            ASSERT_NEAR(dx[i * s.k + p], exact_dx[i * s.k + p],
                        Bound(dy_norm, Norm(&w.values[p], s.n, s.k)))
                << Name(isa, type) << " " << s.m << " " << s.n << " " << s.k;
          }
        }
      }
    }
  }
}

TEST_F(GemmInt16, TheErrorOfAWholeProductIsAboutATenThousandth) {
  SeededRandom random(21);
  ThreadPool pool(1);
  const size_t m = 40, n = 192;
  for (const DType type : KernelTypes()) {
    const size_t k = Fitting(type, 576);
    const Weight w(random, type, n, k);
    const std::vector<float> x = RandomValues(random, m * k);
    const std::vector<float> dy = RandomValues(random, m * n, 1e-6);
    std::vector<float> y(m * n), dx(m * k);
    GemmForward(ScalarTable(), pool, w.view, x.data(), m, y.data());
    GemmInputGrad(ScalarTable(), pool, w.view, dy.data(), m, dx.data(), false);
    for (const core::Isa isa : IsasWithInt16()) {
      std::vector<float> y16(m * n), dx16(m * k);
      GemmForwardInt16(TableFor(isa), pool, w.view, x.data(), m, y16.data());
      GemmInputGradInt16(TableFor(isa), pool, w.view, dy.data(), m, dx16.data(), false);
      for (size_t i = 0; i < y.size(); ++i) y16[i] -= y[i];
      for (size_t i = 0; i < dx.size(); ++i) dx16[i] -= dx[i];
      EXPECT_LT(Norm(y16.data(), y.size(), 1), 1e-4 * Norm(y.data(), y.size(), 1));
      EXPECT_LT(Norm(dx16.data(), dx.size(), 1), 1e-4 * Norm(dx.data(), dx.size(), 1));
    }
  }
}

// Sums of a chunk come closest to 2^31 where rows and columns are parallel.
TEST_F(GemmInt16, SumsOfParallelVectorsDoNotOverflow) {
  ThreadPool pool(1);
  for (const size_t k : {1u, 2u, 64u, 256u, 300u}) {
    const std::vector<float> ones(40 * std::max<size_t>(k, 8), 1e5f);
    const WeightView w{reinterpret_cast<const uint8_t*>(ones.data()), DType::kF32, 40, k, 4 * k};
    for (const core::Isa isa : IsasWithInt16()) {
      std::vector<float> y(8 * 40), dx(8 * k);
      GemmForwardInt16(TableFor(isa), pool, w, ones.data(), 8, y.data());
      GemmInputGradInt16(TableFor(isa), pool, w, ones.data(), 8, dx.data(), false);
      for (const float v : y) ASSERT_NEAR(v, 1e10 * static_cast<double>(k), 1e7 * k);
      for (const float v : dx) ASSERT_NEAR(v, 1e10 * 40, 1e7 * 40);
    }
  }
}

TEST_F(GemmInt16, AccumulatesIntoTheGradient) {
  SeededRandom random(22);
  ThreadPool pool(2);
  const size_t m = 9, n = 70, k = 96;
  const Weight w(random, DType::kQ8_0, n, k);
  const std::vector<float> dy = RandomValues(random, m * n), start = RandomValues(random, m * k);
  for (const core::Isa isa : IsasWithInt16()) {
    std::vector<float> alone(m * k), sum = start;
    GemmInputGradInt16(TableFor(isa), pool, w.view, dy.data(), m, alone.data(), false);
    GemmInputGradInt16(TableFor(isa), pool, w.view, dy.data(), m, sum.data(), true);
    for (size_t i = 0; i < sum.size(); ++i) ASSERT_NEAR(sum[i], start[i] + alone[i], 1e-4);
  }
}

TEST_F(GemmInt16, RowsAreTheSameBitsWhateverTheirNeighboursAndTheThreads) {
  SeededRandom random(23);
  const size_t m = 37, n = 96, k = 544;
  for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kF32}) {
    const Weight w(random, type, n, k);
    const std::vector<float> x = RandomValues(random, m * k), dy = RandomValues(random, m * n);
    for (const core::Isa isa : IsasWithInt16()) {
      std::vector<float> y1(m * n), dx1(m * k);
      ThreadPool one(1);
      for (size_t i = 0; i < m; ++i) {
        GemmForwardInt16(TableFor(isa), one, w.view, &x[i * k], 1, &y1[i * n]);
        GemmInputGradInt16(TableFor(isa), one, w.view, &dy[i * n], 1, &dx1[i * k], false);
      }
      for (const int threads : {1, 2, 7}) {
        ThreadPool pool(threads);
        std::vector<float> y(m * n), dx(m * k);
        GemmForwardInt16(TableFor(isa), pool, w.view, x.data(), m, y.data());
        GemmInputGradInt16(TableFor(isa), pool, w.view, dy.data(), m, dx.data(), false);
        EXPECT_EQ(std::memcmp(y.data(), y1.data(), y.size() * 4), 0) << Name(isa, type);
        EXPECT_EQ(std::memcmp(dx.data(), dx1.data(), dx.size() * 4), 0) << Name(isa, type);
      }
    }
  }
}

TEST_F(GemmInt16, WhatIsNotFiniteStaysVisible) {
  SeededRandom random(24);
  ThreadPool pool(1);
  const size_t m = 3, n = 64, k = 288;
  const Weight w(random, DType::kQ8_0, n, k);
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const size_t at : {size_t{0}, size_t{100}, k - 1}) {
      std::vector<float> x = RandomValues(random, m * k), zeros(m * k);
      x[k + at] = zeros[k + at] = bad;
      for (const core::Isa isa : IsasWithInt16()) {
        for (const std::vector<float>& values : {x, zeros}) {
          std::vector<float> y(m * n);
          GemmForwardInt16(TableFor(isa), pool, w.view, values.data(), m, y.data());
          for (size_t i = 0; i < m * n; ++i) ASSERT_EQ(std::isfinite(y[i]), i / n != 1);
        }
      }
    }
  }
}

}  // namespace
}  // namespace selvedge::kernels
