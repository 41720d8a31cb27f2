#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/kernels/reference/half.h"
#include "core/kernels/reference/reference.h"
#include "tests/core/kernel_cases.h"

namespace selvedge::kernels {
namespace {

using core::DType;
using core::SeededRandom;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// SOURCE: IEEE 754-2008 binary16: 1, 2^-14, 2^-24, largest, and the midpoints around them.
TEST(Half, KnownValues) {
  using reference::FloatToHalf;
  EXPECT_EQ(FloatToHalf(1.0f), 0x3C00);
  EXPECT_EQ(FloatToHalf(-2.0f), 0xC000);
  EXPECT_EQ(FloatToHalf(0x1p-14f), 0x0400);
  EXPECT_EQ(FloatToHalf(0x1p-24f), 0x0001);
  EXPECT_EQ(FloatToHalf(0x1p-25f), 0x0000);         // tie to even
  EXPECT_EQ(FloatToHalf(0x1.8p-24f), 0x0002);       // tie to even
  EXPECT_EQ(FloatToHalf(0x1.000002p-25f), 0x0001);  // above the tie
  EXPECT_EQ(FloatToHalf(65504.0f), 0x7BFF);
  EXPECT_EQ(FloatToHalf(65519.996f), 0x7BFF);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7C00);
  EXPECT_EQ(FloatToHalf(kInfinity), 0x7C00);
  EXPECT_EQ(FloatToHalf(std::nanf("")) & 0x7E00, 0x7E00);
  EXPECT_EQ(FloatToHalf(1.0f + 0x1p-11f), 0x3C00);  // tie to even
  EXPECT_EQ(FloatToHalf(1.0f + 0x3p-11f), 0x3C02);
  EXPECT_EQ(FloatToHalf(-0.0f), 0x8000);
}

TEST(Half, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = reference::HalfToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    EXPECT_EQ(reference::FloatToHalf(value), bits);
  }
}

TEST(Half, Bfloat16RoundsToNearestEven) {
  using reference::FloatToBfloat16;
  EXPECT_EQ(FloatToBfloat16(1.0f), 0x3F80);
  EXPECT_EQ(FloatToBfloat16(1.0f + 0x1p-8f), 0x3F80);
  EXPECT_EQ(FloatToBfloat16(1.0f + 0x3p-8f), 0x3F82);
  EXPECT_EQ(FloatToBfloat16(kInfinity), 0x7F80);
  EXPECT_TRUE(std::isnan(reference::Bfloat16ToFloat(FloatToBfloat16(std::nanf("")))));
}

TEST(Quantize, EveryIsaDequantizesToTheBitsOfTheScalarTwin) {
  SeededRandom random(3);
  for (const DType type : KernelTypes()) {
    const size_t block = core::FindDType(type)->block_values;
    for (const size_t blocks : {1u, 2u, 3u, 7u, 33u}) {
      const Weight w(random, type, 1, blocks * block);
      for (const core::Isa isa : AvailableIsas()) {
        std::vector<float> got(w.values.size());
        KernelsOf(TableFor(isa), type).dequantize(w.bytes.data(), 0, got.data(), got.size());
        EXPECT_EQ(std::memcmp(got.data(), w.values.data(), got.size() * 4), 0) << Name(isa, type);
      }
    }
  }
}

// SOURCE: block_q8_0 by hand: d = 127/127 = 1, so q = x rounded half away from zero.
TEST(Quantize, Q8RoundsHalvesAwayFromZero) {
  float x[32] = {127, 0.5f, -0.5f, 1.5f, 2.5f, -2.5f, 0.49f, -127};
  uint8_t block[34];
  ASSERT_TRUE(QuantizeRow(DType::kQ8_0, x, block, 32));
  EXPECT_EQ(block[0] | block[1] << 8, 0x3C00);
  const int8_t expected[] = {127, 1, -1, 2, 3, -3, 0, -127, 0};
  for (size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(static_cast<int8_t>(block[2 + i]), expected[i]) << i;
  }
}

// SOURCE: block_q4_0 by hand: the largest magnitude is -8, so d = 1 and q = trunc(x + 8.5), at
// most 15.
TEST(Quantize, Q4PacksTheHalvesOfTheBlockIntoNibbles) {
  float x[32] = {};
  x[0] = -8;
  x[1] = 7.9f;
  x[2] = 0.5f;
  x[16] = 3;
  x[17] = -0.6f;
  uint8_t block[18];
  ASSERT_TRUE(QuantizeRow(DType::kQ4_0, x, block, 32));
  EXPECT_EQ(block[0] | block[1] << 8, 0x3C00);
  EXPECT_EQ(block[2], 0 | 11 << 4);
  EXPECT_EQ(block[3], 15 | 7 << 4);
  EXPECT_EQ(block[4], 9 | 8 << 4);
  EXPECT_EQ(block[5], 8 | 8 << 4);
}

TEST(Quantize, ErrorStaysWithinHalfAStep) {
  SeededRandom random(4);
  const std::vector<float> x = RandomValues(random, 3200, 3);
  for (const auto& [type, steps] : {std::pair{DType::kQ8_0, 127.0f}, {DType::kQ4_0, 8.0f}}) {
    std::vector<uint8_t> bytes(core::RowBytes(*core::FindDType(type), x.size()));
    ASSERT_TRUE(QuantizeRow(type, x.data(), bytes.data(), x.size()));
    std::vector<float> back(x.size());
    DequantizeRow(type, bytes.data(), back.data(), back.size());
    for (size_t b = 0; b < x.size(); b += 32) {
      float largest = 0;
      for (size_t i = b; i < b + 32; ++i) largest = std::max(largest, std::fabs(x[i]));
      // Q4_0 has no +8: values opposite to the largest may lose a whole step.
      const float allowed =
          largest / steps * (type == DType::kQ4_0 ? 1.01f : 0.51f) + largest * 1e-3f;
      for (size_t i = b; i < b + 32; ++i) EXPECT_NEAR(back[i], x[i], allowed);
    }
  }
}

TEST(Quantize, ZerosAndNonFiniteValuesAreDefined) {
  for (const DType type : KernelTypes()) {
    const core::DTypeInfo& info = *core::FindDType(type);
    if (info.block_values == 1) continue;
    std::vector<float> x(256), back(256);
    std::vector<uint8_t> blocks(core::RowBytes(info, 256));
    if (!QuantizeRow(type, x.data(), blocks.data(), 256)) continue;
    DequantizeRow(type, blocks.data(), back.data(), 256);
    for (const float value : back) EXPECT_EQ(value, 0.0f) << info.name;
    for (const float bad : {kInfinity, std::nanf("")}) {
      x[5] = bad;
      EXPECT_TRUE(QuantizeRow(type, x.data(), blocks.data(), 256)) << info.name;
    }
  }
}

TEST(Quantize, OneValueOfABlockIsKept) {
  for (const DType type : KernelTypes()) {
    const core::DTypeInfo& info = *core::FindDType(type);
    for (const float value : {3.0f, -3.0f}) {
      std::vector<float> x(256), back(256);
      x[100] = value;
      std::vector<uint8_t> blocks(core::RowBytes(info, 256));
      if (!QuantizeRow(type, x.data(), blocks.data(), 256)) continue;
      DequantizeRow(type, blocks.data(), back.data(), 256);
      // The largest of a symmetric type may be a step away from the end of its range.
      for (size_t i = 0; i < 256; ++i) EXPECT_NEAR(back[i], x[i], 0.4f) << info.name << " " << i;
    }
  }
}

TEST(Quantize, TypesWithoutAQuantizerAreRefused) {
  float x[256] = {};
  uint8_t block[256];
  EXPECT_FALSE(QuantizeRow(DType::kIQ4_NL, x, block, 256));
  EXPECT_FALSE(QuantizeRow(DType::kI32, x, block, 256));
}

// SOURCE: quantize_row_q8_0 of ggml (llama.cpp d32676d77): d = max|x| / 127 is stored as binary16,
// the values are divided by the unrounded d. 1 / 127 = 0x2008 (0.00787354) as a half.
TEST(QuantizeActivations, RoundsTheScaleToAHalfAndTheValuesWithTheExactScale) {
  float x[32] = {1.0f, -0.5f, 0.25f};
  for (const core::Isa isa : AvailableIsas()) {
    int8_t q[32];
    float scale, weighted;
    int32_t sum;
    TableFor(isa).quantize_activations(x, 32, q, &scale, &sum, &weighted);
    EXPECT_EQ(scale, reference::HalfToFloat(0x2008)) << core::IsaName(isa);
    EXPECT_EQ(q[0], 127);
    EXPECT_EQ(q[1], -64);  // -63.5, ties to even
    EXPECT_EQ(q[2], 32);   // 31.75
  }
}

TEST(QuantizeActivations, KeepsScalesBeyondTheHalves) {
  float x[32] = {1e9f};
  for (const core::Isa isa : AvailableIsas()) {
    int8_t q[32];
    float scale, weighted;
    int32_t sum;
    TableFor(isa).quantize_activations(x, 32, q, &scale, &sum, &weighted);
    EXPECT_EQ(scale, 1e9f / 127.0f) << core::IsaName(isa);
    EXPECT_EQ(q[0], 127);
  }
}

TEST(QuantizeActivations, EveryIsaGivesTheBlocksOfTheScalarTwin) {
  SeededRandom random(5);
  for (const size_t n : {32u, 96u, 1024u}) {
    std::vector<float> x = RandomValues(random, n);
    std::fill_n(x.begin(), 32, 0.0f);
    if (n == 1024) x[100] = kInfinity;
    if (n == 1024) x[200] = std::nanf("");
    std::vector<int8_t> q(n), q_ref(n);
    std::vector<float> scales(n / 32), scales_ref(n / 32), weighted(n / 32), weighted_ref(n / 32);
    std::vector<int32_t> sums(n / 32), sums_ref(n / 32);
    reference::QuantizeActivations(x.data(), n, q_ref.data(), scales_ref.data(), sums_ref.data(),
                                   weighted_ref.data());
    for (const core::Isa isa : AvailableIsas()) {
      TableFor(isa).quantize_activations(x.data(), n, q.data(), scales.data(), sums.data(),
                                         weighted.data());
      EXPECT_EQ(q, q_ref) << core::IsaName(isa);
      EXPECT_EQ(std::memcmp(scales.data(), scales_ref.data(), n / 32 * 4), 0);
      EXPECT_EQ(sums, sums_ref) << core::IsaName(isa);
      for (size_t b = 0; b < n / 32; ++b) {
        EXPECT_EQ(sums[b], std::accumulate(&q_ref[32 * b], &q_ref[32 * b + 32], 0));
        EXPECT_TRUE(weighted[b] == weighted_ref[b] || std::isnan(scales[b])) << b;
      }
    }
  }
}

TEST(QuantizeActivations, BlocksOf256AreTheSameOnEveryIsa) {
  SeededRandom random(6);
  const size_t n = 1280;
  std::vector<float> x = RandomValues(random, n);
  std::fill_n(x.begin(), 256, 0.0f);
  x[300] = 9;   // the largest is positive
  x[600] = -9;  // and negative
  x[800] = kInfinity;
  x[1100] = std::nanf("");
  std::vector<int8_t> q(n), q_ref(n);
  std::vector<float> scales(n / 256), scales_ref(n / 256);
  std::vector<int16_t> sums(n / 16), sums_ref(n / 16);
  reference::QuantizeActivations256(x.data(), n, q_ref.data(), scales_ref.data(), sums_ref.data());
  EXPECT_EQ(q_ref[300], -127);
  EXPECT_EQ(q_ref[600], -127);
  EXPECT_EQ(scales_ref[1], -9.0f / 127.0f);
  EXPECT_TRUE(std::isnan(scales_ref[3]) && std::isnan(scales_ref[4]));
  for (size_t i = 0; i < n / 16; ++i) {
    EXPECT_EQ(sums_ref[i], std::accumulate(&q_ref[16 * i], &q_ref[16 * i + 16], 0));
  }
  for (const core::Isa isa : AvailableIsas()) {
    TableFor(isa).quantize_activations256(x.data(), n, q.data(), scales.data(), sums.data());
    EXPECT_EQ(q, q_ref) << core::IsaName(isa);
    EXPECT_EQ(sums, sums_ref) << core::IsaName(isa);
    EXPECT_EQ(std::memcmp(scales.data(), scales_ref.data(), n / 256 * 4), 0);
  }
}

}  // namespace
}  // namespace selvedge::kernels
