// Blocks against ggml: what they decode to, and what their products with rounded activations are.
//
// SOURCE: llama.cpp d32676d77 (GGML_NATIVE on a Sapphire Rapids Xeon): golden/ggml_golden.c, whose
// header says how to build it.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/kernel_cases.h"

namespace selvedge::kernels {
namespace {

using core::DType;

constexpr size_t kValues = 4096;
constexpr double kDotTolerance = 1e-5;  // of the root of the summed squares of the products

struct Golden {
  DType type;
  uint64_t dequantized;  // FNV-1a of the values' bytes
  float dot;
  uint64_t quantized;  // FNV-1a of the blocks made of Values()
};

constexpr Golden kGolden[] = {
    {DType::kQ4_0, 0x1ac7a3e9de12bf8au, 1.09759068f, 0xa67fb1c72928fa89u},
    {DType::kQ4_1, 0xdde12901bc9f0396u, 0.903029203f, 0xe320354c6fcd85a5u},
    {DType::kQ5_0, 0x2b88ee5a0d6d1287u, -0.446628392f, 0xea0f052f039d074au},
    {DType::kQ5_1, 0x5b155185c5671a94u, -4.25393248f, 0x27a32eca74fcd828u},
    {DType::kQ8_0, 0x914fbd94f963f674u, 2.39055777f, 0xce89ee53c8fe41e7u},
    {DType::kQ2_K, 0x5451428b66310d01u, -1.69477665f, 0x8abe391194bd668au},
    {DType::kQ3_K, 0xc2d939c7ea607c58u, 2.31382656f, 0x429dc3a82b1eeb5fu},
    {DType::kQ4_K, 0x9217d39e96ff97ccu, -43.1905594f, 0x6a30180f71fb6707u},
    {DType::kQ5_K, 0xd4d8b8c7af60c295u, -92.2219467f, 0x1ec82f156cc9c35du},
    {DType::kQ6_K, 0x2e9530f3b009fe83u, 83.1183929f, 0xb269c5963c8d040fu},
    {DType::kIQ4_NL, 0x2983c0a61c50db91u, 15.3237829f, 0xb33c89063bd76c50u},
};

// SplitMix64 (Steele, Lea, Flood 2014), as in golden/ggml_golden.c.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

uint64_t Fnv(const void* data, size_t n) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (size_t i = 0; i < n; ++i) {
    hash = (hash ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001B3u;
  }
  return hash;
}

std::vector<float> Values() {
  SplitMix random(2);
  std::vector<float> x(kValues);
  for (float& value : x) {
    for (int i = 0; i < 4; ++i) {
      value += static_cast<float>(random.Next() >> 40) * 0x1p-24f - 0.5f;
    }
  }
  return x;
}

std::vector<uint8_t> Blocks(const core::DTypeInfo& info) {
  SplitMix random(1);
  std::vector<uint8_t> bytes(core::RowBytes(info, kValues));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
  for (size_t b = 0; b < bytes.size(); b += info.block_bytes) {
    for (uint32_t h = 0; h < info.halves; ++h) {
      uint8_t& high = bytes[b + info.halves_at + 2 * h + 1];
      high = static_cast<uint8_t>((high & 0x9F) | 0x10);
    }
  }
  return bytes;
}

TEST(Golden, EveryIsaDequantizesToTheBitsOfGgml) {
  for (const Golden& golden : kGolden) {
    const std::vector<uint8_t> blocks = Blocks(*core::FindDType(golden.type));
    for (const core::Isa isa : AvailableIsas()) {
      std::vector<float> values(kValues);
      KernelsOf(TableFor(isa), golden.type).dequantize(blocks.data(), 0, values.data(), kValues);
      EXPECT_EQ(Fnv(values.data(), kValues * 4), golden.dequantized) << Name(isa, golden.type);
    }
  }
}

TEST(Golden, EveryIsaDequantizesRunsThatBeginWithinABlock) {
  for (const Golden& golden : kGolden) {
    const std::vector<uint8_t> blocks = Blocks(*core::FindDType(golden.type));
    for (const core::Isa isa : AvailableIsas()) {
      std::vector<float> values(kValues);
      for (size_t first = 0; first < kValues;) {
        const size_t n = std::min<size_t>(32 * (first / 32 % 3 + 1), kValues - first);
        KernelsOf(TableFor(isa), golden.type).dequantize(blocks.data(), first, &values[first], n);
        first += n;
      }
      EXPECT_EQ(Fnv(values.data(), kValues * 4), golden.dequantized) << Name(isa, golden.type);
    }
  }
}

TEST(Golden, ProductsAreThoseOfGgmlUpToTheOrderOfAdditions) {
  core::ThreadPool pool(1);
  const std::vector<float> x = Values();
  for (const Golden& golden : kGolden) {
    const core::DTypeInfo& info = *core::FindDType(golden.type);
    const std::vector<uint8_t> blocks = Blocks(info);
    const WeightView w{blocks.data(), golden.type, 1, kValues, blocks.size()};
    std::vector<float> values(kValues);
    DequantizeRow(golden.type, blocks.data(), values.data(), kValues);
    double norm = 0;
    for (size_t i = 0; i < kValues; ++i) norm += std::pow(double{values[i]} * x[i], 2);
    for (const core::Isa isa : AvailableIsas()) {
      float y = NAN;
      MatMul(TableFor(isa), pool, w, x.data(), 1, &y);
      EXPECT_NEAR(y, golden.dot, kDotTolerance * std::sqrt(norm)) << Name(isa, golden.type);
    }
  }
}

TEST(Golden, QuantizersGiveTheBlocksOfGgml) {
  const std::vector<float> x = Values();
  for (const Golden& golden : kGolden) {
    const core::DTypeInfo& info = *core::FindDType(golden.type);
    std::vector<uint8_t> blocks(core::RowBytes(info, kValues));
    if (!QuantizeRow(golden.type, x.data(), blocks.data(), kValues)) continue;
    EXPECT_EQ(Fnv(blocks.data(), blocks.size()), golden.quantized) << info.name;
  }
}

}  // namespace
}  // namespace selvedge::kernels
