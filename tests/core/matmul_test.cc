#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/kernels/activation_row.h"
#include "core/kernels/reference/reference.h"
#include "tests/core/kernel_cases.h"

namespace selvedge::kernels {
namespace {

using core::DType;
using core::SeededRandom;
using core::ThreadPool;

// The same exact integer sums; only the order of f32 additions differs. With a minimum in blocks of
// 32, few tokens meet it with the sum of the activations rounded to a half (2^-12 of about 12).
float Tolerance(DType type, size_t k) {
  const core::DTypeInfo& info = *core::FindDType(type);
  const bool rounded_sums = info.block_values == 32 && info.halves == 2;
  return std::sqrt(static_cast<float>(k)) * (rounded_sums ? 3e-3f : 4e-5f);
}

TEST(MatMul, AgreesWithTheScalarTwinOnEveryIsaAndType) {
  SeededRandom random(20);
  ThreadPool pool(2);
  for (const DType type : KernelTypes()) {
    // Odd numbers of rows, tokens and blocks; k beyond one panel slice (1024).
    for (const auto& [n, columns] :
         {std::pair<size_t, size_t>{1, 32}, {5, 96}, {33, 256}, {70, 1120}}) {
      const size_t k = Fitting(type, columns);
      const Weight w(random, type, n, k);
      for (const size_t m : {1u, 2u, 3u, 4u, 7u, 13u, 50u}) {
        const std::vector<float> x = RandomValues(random, m * k);
        std::vector<float> expected(m * n);
        reference::MatMul(w.view, x.data(), m, expected.data());
        for (const core::Isa isa : AvailableIsas()) {
          std::vector<float> y(m * n, NAN);
          MatMul(TableFor(isa), pool, w.view, x.data(), m, y.data());
          for (size_t i = 0; i < y.size(); ++i) {
            ASSERT_NEAR(y[i], expected[i], Tolerance(type, k))
                << Name(isa, type) << " m " << m << " n " << n << " k " << k << " at " << i;
          }
        }
      }
    }
  }
}

TEST(MatMul, RoundingTheActivationsCostsOnePercentOfTheNorm) {
  SeededRandom random(21);
  ThreadPool pool(2);
  const size_t m = 8, n = 64, k = 512;
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    const Weight w(random, type, n, k);
    const std::vector<float> x = RandomValues(random, m * k);
    std::vector<float> exact(m * n), y(m * n);
    GemmForward(pool, w.view, x.data(), m, exact.data());
    MatMul(pool, w.view, x.data(), m, y.data());
    double error = 0, norm = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      error += (y[i] - exact[i]) * (y[i] - exact[i]);
      norm += exact[i] * exact[i];
    }
    EXPECT_LT(std::sqrt(error / norm), 0.01);
    EXPECT_GT(error, 0) << "the activations were not rounded: the test tests nothing";
  }
}

TEST(MatMul, ExtremeBlocksDoNotOverflow) {
  // q = -128 comes from no quantizer of ours but is a legal byte; with |x| = 127 throughout, the
  // 16-bit sums of the AVX2 version are at their bound.
  ThreadPool pool(1);
  const size_t n = 33, k = 64;
  std::vector<uint8_t> bytes(n * 68);
  for (size_t b = 0; b < bytes.size(); b += 34) {
    bytes[b] = 0x00;
    bytes[b + 1] = 0x3C;  // d = 1
    for (size_t j = 2; j < 34; ++j) bytes[b + j] = 0x80;
  }
  const WeightView w{bytes.data(), DType::kQ8_0, n, k, 68};
  for (const float value : {127.0f, -127.0f}) {
    for (const size_t m : {1u, 6u}) {
      const std::vector<float> x(m * k, value);
      for (const core::Isa isa : AvailableIsas()) {
        std::vector<float> y(m * n);
        MatMul(TableFor(isa), pool, w, x.data(), m, y.data());
        for (const float v : y) EXPECT_EQ(v, -128.0f * value * 64) << core::IsaName(isa);
      }
    }
  }
}

TEST(MatMul, NonFiniteActivationsReachTheOutput) {
  SeededRandom random(22);
  ThreadPool pool(1);
  for (const DType type : KernelTypes()) {
    const size_t k = Fitting(type, 64);
    const Weight w(random, type, 8, k);
    for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
      for (const size_t m : {1u, 5u}) {
        std::vector<float> x = RandomValues(random, m * k);
        x[40] = bad;
        for (const core::Isa isa : AvailableIsas()) {
          std::vector<float> y(m * 8);
          MatMul(TableFor(isa), pool, w.view, x.data(), m, y.data());
          for (size_t j = 0; j < 8; ++j) EXPECT_FALSE(std::isfinite(y[j])) << Name(isa, type);
          for (size_t j = 8; j < y.size(); ++j) EXPECT_TRUE(std::isfinite(y[j]));
        }
      }
    }
  }
}

TEST(MatMul, ResultsAreTheSameBitsForEveryNumberOfThreads) {
  SeededRandom random(23);
  const size_t n = 1000;
  for (const DType type : KernelTypes()) {
    const size_t k = Fitting(type, 128);
    const Weight w(random, type, n, k);
    for (const size_t m : {1u, 40u}) {
      const std::vector<float> x = RandomValues(random, m * k);
      for (const core::Isa isa : AvailableIsas()) {
        ThreadPool one(1), three(3);
        std::vector<float> a(m * n), b(m * n);
        MatMul(TableFor(isa), one, w.view, x.data(), m, a.data());
        MatMul(TableFor(isa), three, w.view, x.data(), m, b.data());
        EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * 4), 0) << Name(isa, type);
      }
    }
  }
}

TEST(MatMul, RowsAsAloneAreTheBitsOfSingleRows) {
  SeededRandom random(24);
  ThreadPool pool(2);
  const size_t n = 70, m = 9;
  bool fastest_differs = false;
  for (const DType type : KernelTypes()) {
    const size_t k = Fitting(type, 1120);
    const Weight w(random, type, n, k);
    const std::vector<float> x = RandomValues(random, m * k);
    for (const core::Isa isa : AvailableIsas()) {
      std::vector<float> one_by_one(m * n), alone(m * n), fastest(m * n);
      for (size_t t = 0; t < m; ++t) {
        MatMul(TableFor(isa), pool, w.view, x.data() + t * k, 1, one_by_one.data() + t * n);
      }
      MatMul(TableFor(isa), pool, w.view, x.data(), m, alone.data(), RowSums::kAsAlone);
      MatMul(TableFor(isa), pool, w.view, x.data(), m, fastest.data());
      EXPECT_EQ(std::memcmp(alone.data(), one_by_one.data(), m * n * 4), 0) << Name(isa, type);
      fastest_differs = fastest_differs || fastest != one_by_one;
    }
  }
  EXPECT_TRUE(fastest_differs) << "nothing depends on the order: the test tests nothing";
}

TEST(ActivationRow, AnyRangeOfRowsGetsTheBitsOfMatMul) {
  SeededRandom random(25);
  ThreadPool pool(1);
  const size_t n = 70, k = 512;
  const std::vector<float> first = RandomValues(random, k), x = RandomValues(random, k);
  for (const core::Isa isa : AvailableIsas()) {
    ActivationRow row(TableFor(isa));
    row.Set(first.data(), k);
    for (const DType type : KernelTypes()) row.PrepareFor(type);
    row.Set(x.data(), k);  // what was prepared for `first` must not be used
    for (const DType type : KernelTypes()) {
      const Weight w(random, type, n, k);
      std::vector<float> expected(n), y(n);
      MatMul(TableFor(isa), pool, w.view, x.data(), 1, expected.data());
      row.PrepareFor(type);
      for (const auto& [begin, end] : {std::pair<size_t, size_t>{0, 16}, {16, 17}, {17, n}}) {
        const WeightView part = {w.view.row(begin), type, end - begin, k, w.view.row_bytes};
        row.Products(part, y.data() + begin);
      }
      EXPECT_EQ(std::memcmp(y.data(), expected.data(), n * 4), 0) << Name(isa, type);
    }
  }
}

}  // namespace
}  // namespace selvedge::kernels
