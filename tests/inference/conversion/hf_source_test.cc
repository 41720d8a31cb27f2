#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/file_io.h"
#include "core/seeded_random.h"
#include "inference/conversion/model_source.h"
#include "inference/conversion/quantize_model.h"
#include "inference/model/model.h"
#include "inference/tokenizer/spm_proto.h"
#include "storage/safetensors/safetensors.h"
#include "tests/core/temp_folder.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using Json = nlohmann::json;
using testing::ModelParts;

constexpr uint32_t kEmbd = 64, kHeads = 4, kKvHeads = 2, kHeadDim = 16, kFf = 96, kVocab = 303;

// A folder as transformers writes it, with random weights.
struct HfFolder {
  core::TempFolder folder;
  Json config = {{"architectures", {"LlamaForCausalLM"}},
                 {"hidden_size", kEmbd},
                 {"intermediate_size", kFf},
                 {"max_position_embeddings", 128},
                 {"num_attention_heads", kHeads},
                 {"num_key_value_heads", kKvHeads},
                 {"num_hidden_layers", 2},
                 {"rms_norm_eps", 1e-5},
                 {"rope_theta", 10000.0},
                 {"rope_scaling", nullptr},
                 {"tie_word_embeddings", true},
                 {"torch_dtype", "float32"},
                 {"hidden_act", "silu"},
                 {"bos_token_id", 1},
                 {"eos_token_id", 2},
                 {"vocab_size", kVocab}};
  std::map<std::string, std::pair<std::vector<uint64_t>, std::vector<float>>> tensors;

  HfFolder() {
    core::SeededRandom random(5);
    const auto add = [&](const std::string& name, std::vector<uint64_t> shape) {
      uint64_t n = 1;
      for (const uint64_t dim : shape) n *= dim;
      std::vector<float> values(n);
      for (float& v : values) v = 0.1f * static_cast<float>(random.NextGaussian());
      tensors[name] = {std::move(shape), std::move(values)};
    };
    add("model.embed_tokens.weight", {kVocab, kEmbd});
    add("model.norm.weight", {kEmbd});
    for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
      add(layer + "input_layernorm.weight", {kEmbd});
      add(layer + "post_attention_layernorm.weight", {kEmbd});
      add(layer + "self_attn.q_proj.weight", {kHeads * kHeadDim, kEmbd});
      add(layer + "self_attn.k_proj.weight", {kKvHeads * kHeadDim, kEmbd});
      add(layer + "self_attn.v_proj.weight", {kKvHeads * kHeadDim, kEmbd});
      add(layer + "self_attn.o_proj.weight", {kEmbd, kHeads * kHeadDim});
      add(layer + "mlp.gate_proj.weight", {kFf, kEmbd});
      add(layer + "mlp.up_proj.weight", {kFf, kEmbd});
      add(layer + "mlp.down_proj.weight", {kEmbd, kFf});
    }
    const auto small = ModelParts::Small().Build();
    Put("tokenizer.model",
        BuildSentencePieceProto(*Vocabulary::FromGguf(*small, Vocabulary::Kind::kSentencePiece)));
    Put("tokenizer_config.json",
        R"({"add_bos_token": true, "chat_template": "{{ x }}", "added_tokens_decoder":
            {"1": {"content": "<s>", "special": true},
             "300": {"content": "<|im_end|>", "special": true},
             "301": {"content": "<mine>", "special": false}}})");
  }

  void Put(const std::string& name, const std::string& text) const {
    EXPECT_TRUE(core::WriteFileAtomic(folder.Path(name), text).ok());
  }

  Result<ModelSource> Open() const {
    safetensors::Writer weights;
    for (const auto& [name, tensor] : tensors) {
      weights.AddFloats(name, tensor.first, tensor.second);
    }
    EXPECT_TRUE(core::WriteFileAtomic(folder.Path("model.safetensors"), weights.Serialize()).ok());
    Put("config.json", config.dump());
    return OpenModelSource(folder.path());
  }

  Result<std::shared_ptr<const gguf::File>> Convert(const char* mix) const {
    auto source = Open();
    if (!source.ok()) return source.status();
    core::ThreadPool pool(1);
    const auto report =
        QuantizeModel(pool, std::move(*source), *FindMix(mix), folder.Path("m.gguf"), nullptr, {});
    if (!report.ok()) return report.status();
    return gguf::File::Open(folder.Path("m.gguf"));
  }
};

std::vector<float> Floats(const gguf::File& file, const std::string& name) {
  const std::span<const uint8_t> data = file.FindTensor(name)->data;
  std::vector<float> values(data.size() / sizeof(float));
  std::copy(data.begin(), data.end(), reinterpret_cast<uint8_t*>(values.data()));
  return values;
}

TEST(HuggingFaceSource, GivesTheKeysAndTensorsOfGguf) {
  const HfFolder hf;
  const auto made = hf.Convert("f32");
  ASSERT_TRUE(made.ok()) << made.status().message();
  const gguf::File& file = **made;
  EXPECT_EQ(file.GetString("general.architecture").value(), "llama");
  EXPECT_EQ(file.GetU32("llama.rope.dimension_count").value(), kHeadDim);
  EXPECT_EQ(file.tensors().size(), hf.tensors.size());
  const auto& v = hf.tensors.at("model.layers.1.self_attn.v_proj.weight").second;
  EXPECT_EQ(Floats(file, "blk.1.attn_v.weight"), v);
  // The permutation as a reshape: [heads, 2, d/2, in] with the middle axes swapped.
  for (const auto& [name, heads] : {std::pair{"q", kHeads}, {"k", kKvHeads}}) {
    const auto& hf_rows =
        hf.tensors.at(std::string("model.layers.1.self_attn.") + name + "_proj.weight").second;
    std::vector<float> expected;
    for (uint32_t h = 0; h < heads; ++h) {
      for (uint32_t i = 0; i < kHeadDim / 2; ++i) {
        for (uint32_t half = 0; half < 2; ++half) {
          const auto row = hf_rows.begin() + ((h * 2 + half) * (kHeadDim / 2) + i) * kEmbd;
          expected.insert(expected.end(), row, row + kEmbd);
        }
      }
    }
    EXPECT_EQ(Floats(file, std::string("blk.1.attn_") + name + ".weight"), expected);
  }
  const auto model = Model::Load(*made);
  EXPECT_TRUE(model.ok()) << model.status().message();
}

TEST(HuggingFaceSource, KeepsTheVocabularyAndItsAddedTokens) {
  const HfFolder hf;
  const auto made = hf.Convert("q8_0");
  ASSERT_TRUE(made.ok()) << made.status().message();
  const gguf::File& file = **made;
  const auto tokens = *file.GetStrings("tokenizer.ggml.tokens");
  const auto types = *file.GetI32s("tokenizer.ggml.token_type");
  ASSERT_EQ(tokens.size(), kVocab);
  EXPECT_EQ(tokens[7], "w7");
  EXPECT_EQ(types[7], 1);
  EXPECT_EQ(tokens[300], "<|im_end|>");
  EXPECT_EQ(types[300], 3);
  EXPECT_EQ(tokens[301], "<mine>");
  EXPECT_EQ(types[301], 4);
  EXPECT_EQ(types[302], 5) << "a row without a token is unused";
  EXPECT_EQ(file.GetF32s("tokenizer.ggml.scores")->at(7), -1.0f);
  EXPECT_EQ(file.GetU32("tokenizer.ggml.eos_token_id").value(), 2u);
  EXPECT_TRUE(file.GetBool("tokenizer.ggml.add_bos_token").value());
  EXPECT_EQ(file.GetString("tokenizer.chat_template").value(), "{{ x }}");
  EXPECT_TRUE(Vocabulary::FromGguf(file, Vocabulary::Kind::kSentencePiece).ok());
}

TEST(HuggingFaceSource, ReadsByteLevelTokenizers) {
  HfFolder hf;
  std::filesystem::remove(hf.folder.Path("tokenizer.model"));
  hf.config["architectures"] = {"Qwen2ForCausalLM"};
  Json tokenizer = {
      {"model", {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", {"a b"}}}},
      {"added_tokens", {{{"id", 3}, {"content", "<|end|>"}, {"special", true}}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"use_regex", true}}}};
  hf.Put("tokenizer.json", tokenizer.dump());
  const auto made = hf.Convert("f16");
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ((*made)->GetString("general.architecture").value(), "qwen2");
  EXPECT_EQ((*made)->GetString("tokenizer.ggml.model").value(), "gpt2");
  EXPECT_EQ((*made)->GetString("tokenizer.ggml.pre").value(), "gpt-2");
  EXPECT_EQ((*made)->GetStrings("tokenizer.ggml.merges")->at(0), "a b");
  EXPECT_EQ((*made)->GetI32s("tokenizer.ggml.token_type")->at(3), 3);
  // Rows of q stay as they are: the architecture rotates halves.
  EXPECT_EQ((*made)->FindTensor("blk.0.attn_q.weight")->type, core::DType::kF16);

  tokenizer["pre_tokenizer"] = {{"type", "Whitespace"}};
  hf.Put("tokenizer.json", tokenizer.dump());
  EXPECT_EQ(hf.Open().status().code(), StatusCode::kIncompatible);
}

TEST(HuggingFaceSource, ComputesTheFrequenciesOfLlama3) {
  HfFolder hf;
  hf.config["rope_scaling"] = {{"rope_type", "llama3"},
                               {"factor", 8.0},
                               {"low_freq_factor", 1.0},
                               {"high_freq_factor", 4.0},
                               {"original_max_position_embeddings", 64}};
  const auto made = hf.Convert("f32");
  ASSERT_TRUE(made.ok()) << made.status().message();
  const std::vector<float> divisors = Floats(**made, "rope_freqs.weight");
  ASSERT_EQ(divisors.size(), kHeadDim / 2);
  // By hand: 64 positions are 10.19, 3.22, 1.019, 0.32 ... turns of frequencies 10000^(-i/8).
  EXPECT_EQ(divisors[0], 1.0f);
  EXPECT_NEAR(divisors[1], 1 / (0.2595 / 8 + 0.7405), 2e-3);
  EXPECT_NEAR(divisors[2], 1 / (0.9938 / 8 + 0.0062), 2e-2);
  EXPECT_EQ(divisors[3], 8.0f);
}

TEST(HuggingFaceSource, RefusesWhatGgufCannotSay) {
  const auto code = [](const auto& change) {
    HfFolder hf;
    change(hf);
    return hf.Open().status().code();
  };
  EXPECT_EQ(code([](HfFolder& hf) { hf.config["architectures"] = {"GPTJForCausalLM"}; }),
            StatusCode::kIncompatible);
  EXPECT_EQ(code([](HfFolder& hf) {
              hf.config["quantization_config"] = {{"bits", 4}};
            }),
            StatusCode::kIncompatible);
  EXPECT_EQ(code([](HfFolder& hf) {
              hf.config["rope_scaling"] = {{"type", "dynamic"}};
            }),
            StatusCode::kIncompatible);
  EXPECT_EQ(code([](HfFolder& hf) { hf.config["hidden_act"] = "gelu"; }),
            StatusCode::kIncompatible);
  EXPECT_EQ(code([](HfFolder& hf) { hf.config.erase("hidden_size"); }), StatusCode::kFormat);
  EXPECT_EQ(code([](HfFolder& hf) { hf.config["tie_word_embeddings"] = false; }),
            StatusCode::kFormat);
  EXPECT_EQ(code([](HfFolder& hf) {
              hf.tensors["model.extra.weight"] = {{1, 1}, {1}};
            }),
            StatusCode::kIncompatible);
  EXPECT_EQ(code([](HfFolder& hf) { hf.Put("tokenizer.model", "no protobuf"); }),
            StatusCode::kFormat);
  EXPECT_EQ(code([](HfFolder& hf) { std::filesystem::remove(hf.folder.Path("tokenizer.model")); }),
            StatusCode::kNotFound);
  EXPECT_EQ(OpenModelSource("/nonexistent").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace selvedge::inference
