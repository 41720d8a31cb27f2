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

// Around every tile edge: rows 4, 6, 14; columns 8, 16, 32; slices of 256; more rows than one
// chunk.
constexpr Shape kShapes[] = {{1, 1, 32},    {1, 33, 64},   {3, 16, 96},   {6, 32, 256},
                             {7, 31, 288},  {14, 64, 32},  {15, 65, 544}, {29, 100, 128},
                             {64, 48, 768}, {1030, 36, 64}};

// A sum of n products of unit normals has deviation sqrt(n); f32 rounding adds at most a few n
// units in the last place of that.
float Tolerance(size_t n) { return 4e-7f * static_cast<float>(n) + 1e-5f; }

TEST(GemmForward, AgreesWithDoublePrecisionOnEveryIsaAndType) {
  SeededRandom random(10);
  ThreadPool pool(2);
  for (const DType type : KernelTypes()) {
    for (Shape s : kShapes) {
      s.k = Fitting(type, s.k);
      const Weight w(random, type, s.n, s.k);
      const std::vector<float> x = RandomValues(random, s.m * s.k);
      const std::vector<double> expected = ExactForward(w, x);
      for (const core::Isa isa : AvailableIsas()) {
        std::vector<float> y(s.m * s.n, NAN);
        GemmForward(TableFor(isa), pool, w.view, x.data(), s.m, y.data());
        for (size_t i = 0; i < y.size(); ++i) {
          ASSERT_NEAR(y[i], expected[i], Tolerance(s.k)) << Name(isa, type) << " at " << i;
        }
      }
    }
  }
}

TEST(GemmInputGrad, AgreesWithDoublePrecisionOnEveryIsaAndType) {
  SeededRandom random(11);
  ThreadPool pool(2);
  for (const DType type : KernelTypes()) {
    for (Shape s : kShapes) {
      s.k = Fitting(type, s.k);
      const Weight w(random, type, s.n, s.k);
      const std::vector<float> dy = RandomValues(random, s.m * s.n);
      const std::vector<float> start = RandomValues(random, s.m * s.k);
      const std::vector<double> expected = ExactInputGrad(w, dy);
      for (const core::Isa isa : AvailableIsas()) {
        for (const bool accumulate : {false, true}) {
          std::vector<float> dx = accumulate ? start : std::vector<float>(s.m * s.k, NAN);
          GemmInputGrad(TableFor(isa), pool, w.view, dy.data(), s.m, dx.data(), accumulate);
          for (size_t i = 0; i < dx.size(); ++i) {
            ASSERT_NEAR(dx[i], expected[i] + (accumulate ? start[i] : 0), Tolerance(s.n))
                << Name(isa, type) << " at " << i;
          }
        }
      }
    }
  }
}

TEST(GemmForward, ColumnsNeedNotFillABlockForPlainTypes) {
  SeededRandom random(12);
  ThreadPool pool(1);
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const size_t k : {1u, 7u, 17u, 259u}) {
      const Weight w(random, type, 5, k);
      const std::vector<float> x = RandomValues(random, 6 * k);
      const std::vector<float> dy = RandomValues(random, 6 * 5);
      const std::vector<double> exact_y = ExactForward(w, x), exact_dx = ExactInputGrad(w, dy);
      for (const core::Isa isa : AvailableIsas()) {
        std::vector<float> y(6 * 5), dx(6 * k);
        GemmForward(TableFor(isa), pool, w.view, x.data(), 6, y.data());
        GemmInputGrad(TableFor(isa), pool, w.view, dy.data(), 6, dx.data(), false);
        for (size_t i = 0; i < y.size(); ++i) {
          ASSERT_NEAR(y[i], exact_y[i], Tolerance(k)) << Name(isa, type);
        }
        for (size_t i = 0; i < dx.size(); ++i) {
          ASSERT_NEAR(dx[i], exact_dx[i], Tolerance(5)) << Name(isa, type);
        }
      }
    }
  }
}

TEST(Gemm, ResultsAreTheSameBitsForEveryNumberOfThreads) {
  SeededRandom random(13);
  const size_t m = 37, n = 96;
  for (const DType type : KernelTypes()) {
    const size_t k = Fitting(type, 544);
    const Weight w(random, type, n, k);
    const std::vector<float> x = RandomValues(random, m * k), dy = RandomValues(random, m * n);
    for (const core::Isa isa : AvailableIsas()) {
      std::vector<float> y1(m * n), dx1(m * k);
      ThreadPool one(1);
      GemmForward(TableFor(isa), one, w.view, x.data(), m, y1.data());
      GemmInputGrad(TableFor(isa), one, w.view, dy.data(), m, dx1.data(), false);
      for (const int threads : {2, 3, 7}) {
        ThreadPool pool(threads);
        std::vector<float> y(m * n), dx(m * k);
        GemmForward(TableFor(isa), pool, w.view, x.data(), m, y.data());
        GemmInputGrad(TableFor(isa), pool, w.view, dy.data(), m, dx.data(), false);
        EXPECT_EQ(std::memcmp(y.data(), y1.data(), y.size() * 4), 0) << Name(isa, type);
        EXPECT_EQ(std::memcmp(dx.data(), dx1.data(), dx.size() * 4), 0) << Name(isa, type);
      }
    }
  }
}

// A packed batch must give each token what it gets alone: per-example gradients rest on it.
TEST(Gemm, ARowDoesNotDependOnItsNeighbours) {
  SeededRandom random(14);
  ThreadPool pool(2);
  const size_t m = 33, n = 40, k = 288;
  const Weight w(random, DType::kQ8_0, n, k);
  const std::vector<float> x = RandomValues(random, m * k);
  for (const core::Isa isa : AvailableIsas()) {
    std::vector<float> all(m * n), alone(n);
    GemmForward(TableFor(isa), pool, w.view, x.data(), m, all.data());
    for (size_t i = 0; i < m; ++i) {
      GemmForward(TableFor(isa), pool, w.view, &x[i * k], 1, alone.data());
      EXPECT_EQ(std::memcmp(alone.data(), &all[i * n], n * 4), 0) << core::IsaName(isa);
    }
  }
}

}  // namespace
}  // namespace selvedge::kernels
