#include "inference/conversion/quantization_mix.h"

#include <gtest/gtest.h>

namespace selvedge::inference {
namespace {

using core::DType;

ModelSource Source(uint32_t layers, uint64_t cols, bool tied) {
  ModelSource source;
  source.layers = layers;
  const auto add = [&](const std::string& name, std::vector<uint64_t> dims) {
    source.tensors.push_back({name, DType::kF32, std::move(dims), {}});
  };
  add("token_embd.weight", {cols, 1000});
  if (!tied) add("output.weight", {cols, 1000});
  add("output_norm.weight", {cols});
  for (uint32_t i = 0; i < layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    for (const char* name : {"attn_q", "attn_v", "ffn_up", "ffn_down"}) {
      add(layer + name + ".weight", {cols, cols});
    }
    add(layer + "attn_q.bias", {cols});
    add(layer + "ffn_norm.weight", {cols});
  }
  return source;
}

DType TypeOf(const char* mix, const ModelSource& source, const std::string& name) {
  for (const SourceTensor& tensor : source.tensors) {
    if (tensor.name == name) return MixedType(*FindMix(mix), source, tensor);
  }
  ADD_FAILURE() << name;
  return DType::kI8;
}

// Layers of `part` that have `type`, e.g. "0 1 4".
std::string LayersWith(DType type, const char* mix, const ModelSource& source, const char* part) {
  std::string layers;
  for (uint32_t i = 0; i < source.layers; ++i) {
    const std::string name = "blk." + std::to_string(i) + "." + part + ".weight";
    if (TypeOf(mix, source, name) == type) layers += std::to_string(i) + " ";
  }
  return layers;
}

// SOURCE: llama-quantize of llama.cpp d32676d77 on F32 models of 5 and 22 layers: the types that it
// prints.
TEST(QuantizationMix, GivesTheLayersOfLlamaCppMoreBits) {
  const ModelSource five = Source(5, 256, true), many = Source(22, 256, false);
  for (const char* part : {"attn_v", "ffn_down"}) {
    EXPECT_EQ(LayersWith(DType::kQ6_K, "q4_k_m", five, part), "2 4 ");
    EXPECT_EQ(LayersWith(DType::kQ6_K, "q5_k_m", many, part), "0 1 4 7 10 13 16 19 20 21 ");
  }
  EXPECT_EQ(LayersWith(DType::kQ5_K, "q4_k_s", many, "attn_v"), "0 1 2 3 ");
  EXPECT_EQ(LayersWith(DType::kQ5_K, "q4_k_s", many, "ffn_down"), "0 1 ");
  EXPECT_EQ(LayersWith(DType::kQ4_K, "q4_k_m", five, "attn_q"), "0 1 2 3 4 ");
}

TEST(QuantizationMix, GivesTheHeadSixBitsAtLeast) {
  const ModelSource tied = Source(2, 256, true), own = Source(2, 256, false);
  EXPECT_EQ(TypeOf("q4_0", tied, "token_embd.weight"), DType::kQ6_K);
  EXPECT_EQ(TypeOf("q4_0", own, "token_embd.weight"), DType::kQ4_0);
  EXPECT_EQ(TypeOf("q4_0", own, "output.weight"), DType::kQ6_K);
  EXPECT_EQ(TypeOf("q8_0", own, "output.weight"), DType::kQ8_0);
  EXPECT_EQ(TypeOf("f16", own, "output.weight"), DType::kF16);
}

TEST(QuantizationMix, KeepsVectorsAndNorms) {
  const ModelSource source = Source(2, 256, true);
  for (const char* name : {"output_norm.weight", "blk.1.attn_q.bias", "blk.0.ffn_norm.weight"}) {
    EXPECT_EQ(TypeOf("q4_k_m", source, name), DType::kF32) << name;
  }
}

TEST(QuantizationMix, FallsBackWhereNoBlockFits) {
  const ModelSource narrow = Source(2, 576, true), odd = Source(2, 100, true);
  EXPECT_EQ(TypeOf("q4_k_m", narrow, "blk.0.attn_q.weight"), DType::kQ5_0);
  EXPECT_EQ(TypeOf("q5_k_m", narrow, "blk.0.attn_q.weight"), DType::kQ5_1);
  EXPECT_EQ(TypeOf("q4_k_m", narrow, "token_embd.weight"), DType::kQ8_0);
  EXPECT_EQ(TypeOf("q6_k", odd, "blk.0.attn_q.weight"), DType::kF16);
  EXPECT_EQ(TypeOf("q4_0", odd, "blk.0.attn_q.weight"), DType::kF16);
}

TEST(QuantizationMix, KnowsItsNames) {
  EXPECT_EQ(FindMix("q4_k"), FindMix("q4_k_m"));
  EXPECT_EQ(FindMix("q9_9"), nullptr);
  EXPECT_NE(MixNames().find(" or q6_k"), std::string::npos);
}

}  // namespace
}  // namespace selvedge::inference
