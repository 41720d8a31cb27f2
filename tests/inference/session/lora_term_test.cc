#include "inference/session/lora_term.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/seeded_random.h"

namespace selvedge::inference {
namespace {

std::vector<float> RandomValues(core::SeededRandom& random, size_t n, float size) {
  std::vector<float> values(n);
  for (float& value : values) value = size * static_cast<float>(random.NextGaussian());
  return values;
}

adapters::LoraTensor MakeTensor(uint32_t rank, uint32_t in, uint32_t out, float a, float b) {
  core::SeededRandom random(rank + in + out);
  adapters::LoraTensor lora{"blk.0.attn_q.weight", rank, in, out, {}, {}, 1};
  lora.a = RandomValues(random, size_t{rank} * in, a);
  lora.b = RandomValues(random, size_t{rank} * out, b);
  return lora;
}

// scale * B (A x), in double precision.
std::vector<double> Exact(const adapters::LoraTensor& lora, float scale, const float* x) {
  std::vector<double> y(lora.out);
  for (size_t j = 0; j < lora.rank; ++j) {
    double inner = 0;
    for (size_t i = 0; i < lora.in; ++i) inner += double{lora.a[j * lora.in + i]} * x[i];
    for (size_t i = 0; i < lora.out; ++i) {
      y[i] += double{scale} * double{lora.b[i * lora.rank + j]} * inner;
    }
  }
  return y;
}

double RelativeError(const std::vector<double>& exact, const float* y) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    error += (y[i] - exact[i]) * (y[i] - exact[i]);
    norm += exact[i] * exact[i];
  }
  return std::sqrt(error / norm);
}

std::vector<float> Alone(const LoraTerm& term, const adapters::LoraTensor& lora, const float* x) {
  std::vector<float> inner(term.rank()), y(lora.out);
  term.Inner(x, 0, term.rank(), inner.data());
  term.Outer(inner.data(), 0, lora.out, y.data());
  return y;
}

// Also where the values themselves are no halves: too large, or so small that halves are zero.
TEST(LoraTerm, IsTheProductToThePrecisionOfHalves) {
  core::SeededRandom random(1);
  for (const auto& [a, b] :
       {std::pair<float, float>{0.02f, 0.001f}, {1e6f, 1e-12f}, {1e-9f, 1e8f}}) {
    const auto lora = MakeTensor(8, 600, 1037, a, b);
    const LoraTerm term(lora, 2.5f, core::DType::kQ8_0);
    const std::vector<float> x = RandomValues(random, lora.in, 1);
    const std::vector<float> y = Alone(term, lora, x.data());
    EXPECT_LT(RelativeError(Exact(lora, 2.5f, x.data()), y.data()), 4e-4) << a << " " << b;
  }
}

TEST(LoraTerm, BesideAWeightInFloatingPointNothingIsRounded) {
  core::SeededRandom random(4);
  const auto lora = MakeTensor(8, 600, 1037, 0.02f, 0.001f);
  const LoraTerm term(lora, 2.5f, core::DType::kF16);
  const std::vector<float> x = RandomValues(random, lora.in, 1);
  EXPECT_LT(RelativeError(Exact(lora, 2.5f, x.data()), Alone(term, lora, x.data()).data()), 1e-6);
}

TEST(LoraTerm, CutsAtTheAlignmentDoNotChangeABit) {
  core::SeededRandom random(3);
  const auto lora = MakeTensor(5, 70, 1037, 0.1f, 0.1f);
  const LoraTerm term(lora, 1.0f, core::DType::kQ4_K);
  const std::vector<float> x = RandomValues(random, lora.in, 1);
  const std::vector<float> whole = Alone(term, lora, x.data());
  std::vector<float> inner(5), y(lora.out);
  term.Inner(x.data(), 3, 5, inner.data());
  term.Inner(x.data(), 0, 3, inner.data());
  for (size_t begin = 0; begin < lora.out;) {
    const size_t end = std::min<size_t>(lora.out, begin + LoraTerm::kAlignment * (1 + begin % 5));
    term.Outer(inner.data(), begin, end, y.data());
    begin = end;
  }
  EXPECT_EQ(std::memcmp(y.data(), whole.data(), y.size() * sizeof(float)), 0);
}

TEST(LoraTerm, ZeroMatricesAddNothing) {
  auto lora = MakeTensor(2, 32, 32, 0, 0);
  const std::vector<float> x(32, 1.0f);
  for (const float value : Alone(LoraTerm(lora, 1e6f, core::DType::kQ4_0), lora, x.data()))
    EXPECT_EQ(value, 0);
}

}  // namespace
}  // namespace selvedge::inference
