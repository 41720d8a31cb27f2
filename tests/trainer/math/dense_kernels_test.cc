#include "trainer/math/dense_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "core/cpu_features.h"

namespace selvedge::trainer {
namespace {

std::vector<float> Random(size_t n, uint32_t seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(n);
  for (float& v : values) v = normal(random);
  return values;
}

// Every table this processor can run.
std::vector<const DenseKernels*> Tables() {
  std::vector<const DenseKernels*> tables = {BaselineDenseKernels()};
  const core::Isa isa = core::ActiveIsa();
  if (isa == core::Isa::kAvx2 || isa == core::Isa::kAvx512 || isa == core::Isa::kAvx512Vnni) {
    tables.push_back(Avx2DenseKernels());
  }
  if (isa == core::Isa::kAvx512 || isa == core::Isa::kAvx512Vnni) {
    tables.push_back(Avx512DenseKernels());
  }
  return tables;
}

TEST(DenseKernels, ProductsAgreeWithTheirFormulaInDouble) {
  for (const DenseKernels* table : Tables()) {
    for (const size_t m : {1, 3, 17, 65}) {
      for (const size_t n : {1, 4, 8, 33}) {
        const size_t k = 50;
        const auto a = Random(m * k, 1), b = Random(n * k, 2), c0 = Random(m * n, 3);
        std::vector<float> at(m * k), bt(n * k);
        for (size_t i = 0; i < m; ++i) {
          for (size_t j = 0; j < k; ++j) at[j * m + i] = a[i * k + j];
        }
        for (size_t i = 0; i < n; ++i) {
          for (size_t j = 0; j < k; ++j) bt[j * n + i] = b[i * k + j];
        }
        auto nt = c0, nn = c0, tn = c0;
        table->gemm_nt(m, n, k, 0.5f, a.data(), k, b.data(), k, true, nt.data(), n);
        table->gemm_nn(m, n, k, 0.5f, a.data(), k, bt.data(), n, true, nn.data(), n);
        table->gemm_tn(m, n, k, 0.5f, at.data(), m, bt.data(), n, false, tn.data(), n);
        for (size_t i = 0; i < m; ++i) {
          for (size_t j = 0; j < n; ++j) {
            double sum = 0;
            for (size_t l = 0; l < k; ++l) sum += static_cast<double>(a[i * k + l]) * b[j * k + l];
            EXPECT_NEAR(nt[i * n + j], c0[i * n + j] + 0.5 * sum, 2e-5);
            EXPECT_NEAR(nn[i * n + j], c0[i * n + j] + 0.5 * sum, 2e-5);
            EXPECT_NEAR(tn[i * n + j], 0.5 * sum, 2e-5);
          }
        }
      }
    }
  }
}

TEST(DenseKernels, ProductsDoNotDependOnWhereTheRowsLie) {
  for (const DenseKernels* table : Tables()) {
    for (const size_t m : {2, 5, 40}) {
      for (const size_t r : {1, 3, 8}) {
        const size_t k = 96;
        const auto a = Random(m * k, 1), b = Random(r * k, 2);
        std::vector<float> expected(m * r);
        table->gemm_nt(m, r, k, 1, a.data(), k, b.data(), k, false, expected.data(), r);
        for (size_t shift = 1; shift < 16; ++shift) {
          std::vector<float> moved(m * k + shift), out(m * r + shift);
          std::copy(a.begin(), a.end(), moved.begin() + static_cast<long>(shift));
          table->gemm_nt(m, r, k, 1, moved.data() + shift, k, b.data(), k, false,
                         out.data() + shift, r);
          for (size_t i = 0; i < m * r; ++i)
            ASSERT_EQ(out[i + shift], expected[i]) << m << " " << r;
        }
      }
    }
  }
}

TEST(DenseKernels, TransposesEveryShape) {
  for (const DenseKernels* table : Tables()) {
    for (const size_t rows : {1, 4, 7, 16}) {
      for (const size_t cols : {1, 3, 8, 21}) {
        const auto x = Random(rows * cols, 6);
        std::vector<float> out(rows * cols);
        table->transpose(rows, cols, x.data(), cols, out.data(), rows);
        for (size_t i = 0; i < rows * cols; ++i) {
          EXPECT_EQ(out[i % cols * rows + i / cols], x[i]) << rows << " " << cols;
        }
      }
    }
  }
}

TEST(DenseKernels, SoftmaxAgreesWithDoubleAtEveryLength) {
  for (const DenseKernels* table : Tables()) {
    for (size_t n = 1; n < 70; ++n) {
      const auto x = Random(n, static_cast<uint32_t>(n), 8);
      auto p = x;
      table->softmax_row(p.data(), n);
      double sum = 0, max = x[0];
      for (const float v : x) max = std::max<double>(max, v);
      for (const float v : x) sum += std::exp(v - max);
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(p[i], std::exp(x[i] - max) / sum, 2e-7);
    }
  }
}

TEST(DenseKernels, CrossEntropyAgreesWithDouble) {
  for (const DenseKernels* table : Tables()) {
    const size_t n = 83;
    const auto x = Random(n, 4, 5);
    auto gradient = x;
    float scale = 0;
    const double loss = table->cross_entropy_row(gradient.data(), n, 7, &scale);
    double sum = 0;
    for (const float v : x) sum += std::exp(static_cast<double>(v));
    EXPECT_NEAR(loss, std::log(sum) - x[7], 1e-5);
    for (size_t i = 0; i < n; ++i) {
      EXPECT_NEAR(scale * gradient[i], std::exp(static_cast<double>(x[i])) / sum - (i == 7), 2e-7);
    }
  }
}

TEST(DenseKernels, CrossEntropyOfANanIsNotFinite) {
  for (const DenseKernels* table : Tables()) {
    auto x = Random(40, 4);
    x[3] = std::nanf("");
    float scale = 0;
    EXPECT_FALSE(std::isfinite(table->cross_entropy_row(x.data(), x.size(), 7, &scale)));
  }
}

TEST(DenseKernels, GeluAndItsGradientAgreeWithDouble) {
  const auto gelu = [](double g) {
    return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
  };
  for (const DenseKernels* table : Tables()) {
    const size_t n = 83;
    const auto gate = Random(n, 5, 6), up = Random(n, 6), dy = Random(n, 7);
    std::vector<float> out(n), dgate(n), dup(n);
    table->gelu_mul_row(gate.data(), up.data(), n, out.data());
    table->gelu_mul_grad_row(gate.data(), up.data(), dy.data(), n, dgate.data(), dup.data());
    for (size_t i = 0; i < n; ++i) {
      const double g = gate[i], h = 1e-5;
      EXPECT_NEAR(out[i], gelu(g) * up[i], 5e-6);
      EXPECT_NEAR(dup[i], gelu(g) * dy[i], 5e-6);
      EXPECT_NEAR(dgate[i], (gelu(g + h) - gelu(g - h)) / (2 * h) * up[i] * dy[i], 5e-6);
    }
  }
}

TEST(DenseKernels, SoftCapAndItsGradientAgreeWithDouble) {
  for (const DenseKernels* table : Tables()) {
    const size_t n = 83;
    const auto x = Random(n, 8, 90), dy = Random(n, 9);
    auto y = x, dx = dy;
    table->soft_cap_row(30, y.data(), n);
    table->soft_cap_grad_row(30, y.data(), n, dx.data());
    for (size_t i = 0; i < n; ++i) {
      const double t = std::tanh(x[i] / 30.0);
      EXPECT_NEAR(y[i], 30 * t, 1e-5);
      EXPECT_NEAR(dx[i], dy[i] * (1 - t * t), 1e-6);
    }
  }
}

TEST(DenseKernels, ActiveTableIsOneOfThisProcessors) {
  bool found = false;
  for (const DenseKernels* table : Tables()) found |= table == &ActiveDenseKernels();
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace selvedge::trainer
