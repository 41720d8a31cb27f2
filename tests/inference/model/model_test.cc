#include "inference/model/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::ModelParts;

Status LoadStatus(const ModelParts& parts) { return Model::Load(parts.Build()).status(); }

TEST(Model, ReadsItsConfiguration) {
  const auto model = Model::Load(ModelParts::Small().Build());
  ASSERT_TRUE(model.ok()) << model.status().message();
  const ModelConfig& c = (*model)->config();
  EXPECT_EQ(c.architecture, "llama");
  EXPECT_EQ(c.n_layers, 2u);
  EXPECT_EQ(c.head_dim, 16u);
  EXPECT_EQ(c.n_vocab, 300u);
  EXPECT_EQ((*model)->output().data, (*model)->token_embedding().data);
  const RotaryAngles angles = (*model)->rope(false, 128).First(2);
  EXPECT_EQ(angles.cos.size(), 2u * 8);
  EXPECT_FLOAT_EQ(angles.sin[8], std::sin(1.0f));  // position 1, frequency 1
}

TEST(Model, FindsTheWeightsThatTakeAdapters) {
  const auto model = Model::Load(ModelParts::Small().Build());
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->FindWeight("blk.1.ffn_down.weight"), &(*model)->layers()[1].ffn_down);
  EXPECT_EQ((*model)->FindWeight("blk.2.ffn_down.weight"), nullptr);
  EXPECT_EQ((*model)->FindWeight("token_embd.weight"), nullptr);
  EXPECT_EQ((*model)->FindWeight("output_norm.weight"), nullptr);
}

TEST(Model, RefusesConfigurationsOutOfBounds) {
  struct Case {
    const char* key;
    ModelParts::Value value;
    StatusCode code;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Case cases[] = {
      {"llama.block_count", uint32_t{0}, StatusCode::kFormat},
      {"llama.block_count", uint32_t{513}, StatusCode::kLimit},
      {"llama.block_count", uint32_t{1} << 31, StatusCode::kLimit},
      {"llama.block_count", uint32_t{1},
       StatusCode::kIncompatible},                              // the second layer is left over
      {"llama.block_count", uint32_t{3}, StatusCode::kFormat},  // a layer is missing
      {"llama.block_count", 2.0f, StatusCode::kFormat},
      {"llama.attention.head_count", uint32_t{3}, StatusCode::kFormat},
      {"llama.attention.head_count", uint32_t{0}, StatusCode::kFormat},
      {"llama.attention.head_count_kv", uint32_t{3}, StatusCode::kFormat},
      {"llama.attention.head_count_kv", std::vector<int32_t>{2, 1}, StatusCode::kIncompatible},
      {"llama.attention.key_length", uint32_t{8}, StatusCode::kFormat},
      {"llama.attention.value_length", uint32_t{8}, StatusCode::kIncompatible},
      {"llama.context_length", uint32_t{0}, StatusCode::kFormat},
      {"llama.vocab_size", uint32_t{0}, StatusCode::kFormat},
      {"llama.vocab_size", uint32_t{301}, StatusCode::kFormat},  // the embedding has 300 rows
      {"llama.vocab_size", std::string("300"), StatusCode::kFormat},
      {"llama.context_length", uint32_t{1} << 30, StatusCode::kLimit},
      {"llama.embedding_length", uint32_t{128}, StatusCode::kFormat},
      {"llama.rope.freq_base", nan, StatusCode::kFormat},
      {"llama.rope.freq_base", 0.0f, StatusCode::kFormat},
      {"llama.rope.dimension_count", uint32_t{8}, StatusCode::kFormat},
      {"llama.rope.scaling.type", std::string("su"), StatusCode::kIncompatible},
      {"llama.attention.layer_norm_rms_epsilon", 0.0f, StatusCode::kFormat},
      {"llama.attention.layer_norm_rms_epsilon", nan, StatusCode::kFormat},
      {"llama.expert_count", uint32_t{8}, StatusCode::kIncompatible},
      {"general.architecture", std::string("mamba"), StatusCode::kIncompatible},
      {"general.architecture", uint32_t{1}, StatusCode::kFormat},
  };
  for (const Case& c : cases) {
    ModelParts parts = ModelParts::Small();
    parts.keys[c.key] = c.value;
    EXPECT_EQ(LoadStatus(parts).code(), c.code) << c.key << ": " << LoadStatus(parts).message();
  }
}

TEST(Model, AcceptsUniformPerLayerLists) {
  ModelParts parts = ModelParts::Small();
  parts.keys["llama.feed_forward_length"] = std::vector<int32_t>{96, 96};
  EXPECT_TRUE(LoadStatus(parts).ok()) << LoadStatus(parts).message();
}

TEST(Model, RefusesMissingKeysAndTensors) {
  for (const char* key : {"llama.block_count", "llama.context_length", "llama.embedding_length",
                          "llama.attention.layer_norm_rms_epsilon", "general.architecture"}) {
    ModelParts parts = ModelParts::Small();
    parts.keys.erase(key);
    EXPECT_EQ(LoadStatus(parts).code(), StatusCode::kFormat) << key;
  }
  for (const auto& [name, tensor] : ModelParts::Small().tensors) {
    ModelParts parts = ModelParts::Small();
    parts.tensors.erase(name);
    EXPECT_EQ(LoadStatus(parts).code(), StatusCode::kFormat) << name;
  }
}

TEST(Model, RefusesTensorsOfAnotherShape) {
  for (const auto& [name, tensor] : ModelParts::Small().tensors) {
    if (name == "token_embd.weight") continue;  // its rows define the vocabulary
    ModelParts parts = ModelParts::Small();
    parts.tensors[name].dims.back() += 32;
    EXPECT_EQ(LoadStatus(parts).code(), StatusCode::kFormat) << name;
  }
}

TEST(Model, RefusesTensorsThatItWouldLeaveOut) {
  ModelParts parts = ModelParts::Small();
  parts.tensors["blk.0.ffn_up.bias"] = {core::DType::kF32, {96}, {}};
  const Status status = LoadStatus(parts);
  EXPECT_EQ(status.code(), StatusCode::kIncompatible);
  EXPECT_NE(status.message().find("blk.0.ffn_up.bias"), std::string::npos);
}

TEST(Model, TakesTheBiasesThatTheFileHas) {
  ModelParts parts = ModelParts::Small();
  parts.tensors["blk.1.attn_k.bias"] = {core::DType::kF32, {32}, {}};
  const auto model = Model::Load(parts.Build());
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ((*model)->layers()[1].attn_k_bias.size(), 32u);
  EXPECT_TRUE((*model)->layers()[0].attn_k_bias.empty());
}

TEST(Model, ReadsHowPositionsAreScaled) {
  ModelParts parts = ModelParts::Small();
  parts.keys["llama.rope.scaling.factor"] = 4.0f;  // without a type: linear
  EXPECT_EQ((*Model::Load(parts.Build()))->config().rope_scaling.kind, RopeScaling::Kind::kLinear);
  parts.keys["llama.rope.scaling.type"] = std::string("none");
  EXPECT_EQ((*Model::Load(parts.Build()))->config().rope_scaling.kind, RopeScaling::Kind::kNone);
  parts.keys["llama.rope.scaling.type"] = std::string("yarn");
  parts.keys["llama.rope.scaling.original_context_length"] = uint32_t{32};
  const auto yarn = (*Model::Load(parts.Build()))->config().rope_scaling;
  EXPECT_EQ(yarn.kind, RopeScaling::Kind::kYarn);
  EXPECT_EQ(yarn.original_context, 32u);
  parts.keys.erase("llama.rope.scaling.factor");
  EXPECT_FALSE(LoadStatus(parts).ok());
}

TEST(Model, Phi3ChoosesItsRotaryFactorsByTheContext) {
  const auto model = testing::LoadGolden("families/phi3.gguf");  // original context 64
  EXPECT_EQ(&model->rope(false, 64), &model->rope(false, 1));
  EXPECT_NE(&model->rope(false, 65), &model->rope(false, 64));
}

TEST(Model, KnowsWhichLayersAreLocal) {
  const ModelConfig gemma2 = testing::LoadGolden("families/gemma2.gguf")->config();
  EXPECT_EQ(gemma2.window, 16u);
  EXPECT_TRUE(gemma2.IsLocal(0));
  EXPECT_FALSE(gemma2.IsLocal(1));
  EXPECT_TRUE(gemma2.IsLocal(2));
  EXPECT_FALSE(testing::LoadGolden("families/qwen2.gguf")->config().IsLocal(0));
}

TEST(Model, RefusesNonFiniteNumbersOfEveryKind) {
  using core::DType;
  const float inf = std::numeric_limits<float>::infinity();
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
    ModelParts parts = ModelParts::Small(type);
    parts.tensors["blk.1.ffn_up.weight"].values = {1, 2, inf};
    const Status status = LoadStatus(parts);
    EXPECT_EQ(status.code(), StatusCode::kNumeric);
    EXPECT_NE(status.message().find("blk.1.ffn_up.weight"), std::string::npos);
  }
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    ModelParts parts = ModelParts::Small(type);
    parts.tensors["blk.1.ffn_up.weight"].values = std::vector<float>(64, 1e8f);  // f16 scale: inf
    EXPECT_EQ(LoadStatus(parts).code(), StatusCode::kNumeric);
  }
  ModelParts parts = ModelParts::Small();
  parts.tensors["blk.0.attn_norm.weight"].values = {std::nanf("")};
  EXPECT_EQ(LoadStatus(parts).code(), StatusCode::kNumeric);
}

TEST(Model, RefusesRotaryFactorsThatAreNotPositive) {
  ModelParts parts = ModelParts::Small();
  parts.tensors["rope_freqs.weight"] = {core::DType::kF32, {8}, {1, 1, 0, 1, 1, 1, 1, 1}};
  EXPECT_EQ(LoadStatus(parts).code(), StatusCode::kFormat);
}

}  // namespace
}  // namespace selvedge::inference
