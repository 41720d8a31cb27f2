// The orders in which products are summed, as they are documented in docs/inference.md: bit by bit
// against plain loops. SOURCE of the orders: llama.cpp d32676d77, ggml/src/ggml-cpu/arch/x86
// (quants.c, repack.cpp) as compiled for AVX-512.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/kernels/reference/block_runs.h"
#include "core/kernels/reference/reference.h"
#include "tests/core/kernel_cases.h"

namespace selvedge::kernels {
namespace {

using core::DType;
using core::SeededRandom;
using reference::Run;

// One token, rounded in both forms.
struct Token {
  explicit Token(const std::vector<float>& x)
      : q32(x.size()),
        q256(x.size()),
        scales32(x.size() / 32),
        weighted(x.size() / 32),
        scales256(x.size() / 256) {
    std::vector<int32_t> sums(x.size() / 32);
    std::vector<int16_t> sums16(x.size() / 16);
    reference::QuantizeActivations(x.data(), x.size(), q32.data(), scales32.data(), sums.data(),
                                   weighted.data());
    reference::QuantizeActivations256(x.data(), x.size(), q256.data(), scales256.data(),
                                      sums16.data());
  }
  std::vector<int8_t> q32, q256;
  std::vector<float> scales32, weighted, scales256;
};

// Eight lanes, added pairwise.
float SumLanes(const float l[8]) {
  return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

// Blocks of 32: eight lanes of four products each, or whole blocks; minima apart.
template <typename Block>
float Expected32(const uint8_t* row, size_t k, const Token& x, bool whole) {
  float lanes[8] = {}, minima = 0;
  for (size_t b = 0; b < k / 32; ++b) {
    Run run;
    Block::Read(row + b * Block::kBytes, 0, &run);
    int32_t products[8] = {};
    for (size_t i = 0; i < 32; ++i) products[whole ? 0 : i / 4] += run.q[i] * x.q32[32 * b + i];
    const float scale = run.d * x.scales32[b];
    for (size_t l = 0; l < 8; ++l) {
      lanes[l] = std::fma(static_cast<float>(products[l]), scale, lanes[l]);
    }
    minima = std::fma(-run.dmin * static_cast<float>(run.min[0]), x.weighted[b], minima);
  }
  return SumLanes(lanes) + minima;
}

// Blocks of 256 by lanes. Q6_K's levels are stored with an offset; the lanes of what it adds are
// those of neighbouring scales.
template <typename Block>
float Expected256InLanes(const uint8_t* row, size_t k, const Token& x, int32_t offset) {
  float lanes[8] = {}, minima = 0;
  for (size_t b = 0; b < k / 256; ++b) {
    const int8_t* q = x.q256.data() + 256 * b;
    int32_t products[8] = {}, minimum = 0;
    Run run;
    for (size_t i = 0; i < 256; ++i) {
      if (i % 32 == 0) Block::Read(row + b * Block::kBytes, i / 32, &run);
      const int32_t scale = run.scale[i % 32 / 16];
      products[i % 32 / 4] += scale * (run.q[i % 32] + offset) * q[i];
      products[i / 32] -= scale * offset * q[i];
      minimum += run.min[i % 32 / 16] * q[i];
    }
    for (size_t l = 0; l < 8; ++l) {
      lanes[l] = std::fma(static_cast<float>(products[l]), run.d * x.scales256[b], lanes[l]);
    }
    minima = std::fma(-run.dmin * x.scales256[b], static_cast<float>(minimum), minima);
  }
  return SumLanes(lanes) + minima;
}

// `step` values at a time, products and minima apart.
template <typename Block>
float Expected256InSteps(const uint8_t* row, size_t k, const Token& x, size_t step) {
  float products = 0, minima = 0;
  int32_t product = 0, minimum = 0;
  Run run;
  for (size_t i = 0; i < k; ++i) {
    if (i % 32 == 0) Block::Read(row + i / 256 * Block::kBytes, i % 256 / 32, &run);
    product += run.scale[i % 32 / 16] * run.q[i % 32] * x.q256[i];
    minimum += run.min[i % 32 / 16] * x.q256[i];
    if ((i + 1) % step != 0) continue;
    const float xd = x.scales256[i / 256];
    products = std::fma(static_cast<float>(product), run.d * xd, products);
    minima = std::fma(static_cast<float>(minimum), run.dmin * xd, minima);
    product = minimum = 0;
  }
  return products - minima;
}

// What one of `m` tokens is to give: `fours` is true for those that are taken four at a time.
float Expected(DType type, const uint8_t* row, size_t k, const Token& x, bool fours) {
  switch (type) {
    case DType::kQ8_0:
      return Expected32<reference::Q8_0Block>(row, k, x, false);
    case DType::kQ4_0:
      return Expected32<reference::Q4_0Block>(row, k, x, true);
    case DType::kQ4_1:
      return Expected32<reference::Q4_1Block>(row, k, x, false);
    case DType::kQ5_0:
      return Expected32<reference::Q5_0Block>(row, k, x, false);
    case DType::kQ5_1:
      return Expected32<reference::Q5_1Block>(row, k, x, false);
    case DType::kIQ4_NL:
      return Expected32<reference::Iq4NlBlock>(row, k, x, true);
    case DType::kQ2_K:
      return Expected256InSteps<reference::Q2_KBlock>(row, k, x, fours ? 128 : 256);
    case DType::kQ3_K:
      return Expected256InLanes<reference::Q3_KBlock>(row, k, x, 0);
    case DType::kQ4_K:
      return Expected256InSteps<reference::Q4_KBlock>(row, k, x, fours ? 64 : 256);
    case DType::kQ5_K:
      return Expected256InLanes<reference::Q5_KBlock>(row, k, x, 0);
    default:
      return Expected256InLanes<reference::Q6_KBlock>(row, k, x, 32);
  }
}

TEST(SumOrder, IsThatOfLlamaCppWithAvx512Vnni) {
  if (!core::IsaAvailable(core::Isa::kAvx512Vnni)) GTEST_SKIP() << "needs AVX-512 VNNI";
  SeededRandom random(40);
  core::ThreadPool pool(1);
  const size_t n = 37;
  for (const DType type : KernelTypes()) {
    if (core::FindDType(type)->block_values == 1) continue;
    for (const size_t k : {size_t{256}, size_t{2304}}) {  // one slice of a panel, and several
      const Weight w(random, type, n, k);
      for (const size_t m : {1u, 3u, 7u, 63u}) {
        const std::vector<float> x = RandomValues(random, m * k);
        std::vector<float> y(m * n);
        MatMul(TableFor(core::Isa::kAvx512Vnni), pool, w.view, x.data(), m, y.data());
        for (size_t t = 0; t < m; ++t) {
          const Token token({x.begin() + t * k, x.begin() + (t + 1) * k});
          for (size_t j = 0; j < n; ++j) {
            const float expected = Expected(type, w.view.row(j), k, token, t < m / 4 * 4);
            ASSERT_EQ(std::memcmp(&y[t * n + j], &expected, 4), 0)
                << core::FindDType(type)->name << " m " << m << " k " << k << " token " << t
                << " row " << j << ": " << y[t * n + j] << " " << expected;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace selvedge::kernels
