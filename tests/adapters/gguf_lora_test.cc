#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "adapters/peft.h"
#include "storage/gguf/gguf_file.h"
#include "tests/adapters/sample_adapter.h"

namespace selvedge::adapters {
namespace {

using ::testing::HasSubstr;

std::vector<uint8_t> Floats(size_t n, float value) {
  std::vector<uint8_t> bytes(n * 4);
  for (size_t i = 0; i < n; ++i) std::memcpy(bytes.data() + 4 * i, &value, 4);
  return bytes;
}

gguf::Writer Keys() {
  gguf::Writer writer;
  writer.SetString("general.type", "adapter");
  writer.SetString("general.architecture", "llama");
  writer.SetString("adapter.type", "lora");
  writer.SetF32("adapter.lora.alpha", 6);
  return writer;
}

void AddPair(gguf::Writer& writer) {
  writer.AddTensor("blk.0.attn_k.weight.lora_a", core::DType::kF32, {8, 3}, Floats(24, 0.5f));
  writer.AddTensor("blk.0.attn_k.weight.lora_b", core::DType::kF32, {3, 4}, Floats(12, 0.25f));
}

Result<LoraAdapter> Read(const gguf::Writer& writer) {
  const ScopedFolder folder;
  const std::vector<uint8_t> bytes = writer.Serialize();
  Spill(folder / "adapter.gguf", std::string(bytes.begin(), bytes.end()));
  return ReadAnyAdapter(folder / "adapter.gguf", SampleBase());
}

void ExpectError(const gguf::Writer& writer, StatusCode code, const std::string& text) {
  const Status status = Read(writer).status();
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_THAT(status.message(), HasSubstr(text));
}

TEST(GgufLora, ReadsAPairWithoutTouchingRowOrder) {
  gguf::Writer writer = Keys();
  AddPair(writer);
  const auto adapter = Read(writer);
  ASSERT_TRUE(adapter.ok()) << adapter.status().message();
  ASSERT_EQ(adapter->tensors.size(), 1u);
  EXPECT_EQ(adapter->tensors[0].base_name, "blk.0.attn_k.weight");
  EXPECT_EQ(adapter->tensors[0].rank, 3u);
  EXPECT_EQ(adapter->tensors[0].in, 8u);
  EXPECT_EQ(adapter->tensors[0].out, 4u);
  EXPECT_EQ(adapter->tensors[0].scale, 2.0f);
  EXPECT_EQ(adapter->alpha, 6.0f);
}

TEST(GgufLora, MissingAlphaMeansScaleOne) {
  gguf::Writer writer;
  writer.SetString("general.type", "adapter");
  writer.SetString("general.architecture", "llama");
  writer.SetString("adapter.type", "lora");
  AddPair(writer);
  const auto adapter = Read(writer);
  ASSERT_TRUE(adapter.ok()) << adapter.status().message();
  EXPECT_EQ(adapter->tensors[0].scale, 1.0f);
}

TEST(GgufLora, RoundTripsByteForByte) {
  const ScopedFolder folder;
  const LoraAdapter adapter = SampleAdapter(3, 2.5f);
  ASSERT_TRUE(WriteGgufLora(folder / "1.gguf", adapter).ok());
  const auto read = ReadGgufLora(folder / "1.gguf", SampleBase());
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_TRUE(SameTensors(adapter, *read));
  ASSERT_TRUE(WriteGgufLora(folder / "2.gguf", *read).ok());
  EXPECT_EQ(Slurp(folder / "1.gguf"), Slurp(folder / "2.gguf"));
}

TEST(GgufLora, RsLoraAndMixedScalesKeepTheirEffect) {
  const ScopedFolder folder;
  LoraAdapter adapter = SampleAdapter(3, 2);
  adapter.use_rslora = true;
  for (LoraTensor& tensor : adapter.tensors) tensor.scale = 2 / std::sqrt(3.0f);
  adapter.tensors[4].scale = 0.75f;
  ASSERT_TRUE(WriteGgufLora(folder / "a.gguf", adapter).ok());
  const auto read = ReadGgufLora(folder / "a.gguf", SampleBase());
  ASSERT_TRUE(read.ok()) << read.status().message();
  for (size_t t = 0; t < adapter.tensors.size(); ++t) {
    const LoraTensor &was = adapter.tensors[t], &is = read->tensors[t];
    EXPECT_EQ(was.a, is.a);
    for (size_t i = 0; i < was.b.size(); ++i) {
      const float effect = was.scale * was.b[i];
      EXPECT_NEAR(effect, is.scale * is.b[i], 1e-6f * std::abs(effect)) << was.base_name;
    }
  }
}

TEST(GgufLora, PeftAndGgufCarryTheSameAdapter) {
  const ScopedFolder folder;
  ASSERT_TRUE(WritePeft(folder / "peft", SampleAdapter(), SampleBase()).ok());
  const auto peft = ReadAnyAdapter(folder / "peft", SampleBase());
  ASSERT_TRUE(peft.ok()) << peft.status().message();
  ASSERT_TRUE(WriteGgufLora(folder / "a.gguf", *peft).ok());
  const auto gguf = ReadAnyAdapter(folder / "a.gguf", SampleBase());
  ASSERT_TRUE(gguf.ok()) << gguf.status().message();
  EXPECT_TRUE(SameTensors(SampleAdapter(), *gguf));
}

// PEFT to GGUF and back: the same bytes, also where GGUF itself has no word for it.
TEST(GgufLora, RsLoraAndRanksThatDifferComeBackByteForByte) {
  const ScopedFolder folder;
  for (const bool rslora : {false, true}) {
    for (const bool mixed : {false, true}) {
      if (rslora && mixed) continue;  // scales are multiplied into B
      LoraAdapter adapter = SampleAdapter(2, 3);
      adapter.use_rslora = rslora;
      for (LoraTensor& tensor : adapter.tensors) {
        if (mixed && tensor.base_name.ends_with("ffn_up.weight")) {
          tensor.rank = 1;
          tensor.a.resize(tensor.in);
          tensor.b.resize(tensor.out);
        }
        const double r = tensor.rank;
        tensor.scale = static_cast<float>(3.0 / (rslora ? std::sqrt(r) : r));
      }
      const std::string path = folder / (std::to_string(rslora) + std::to_string(mixed) + ".gguf");
      const auto before = SerializePeft(adapter, SampleBase());
      ASSERT_TRUE(before.ok()) << before.status().message();
      ASSERT_TRUE(WriteGgufLora(path, adapter).ok());
      const auto read = ReadGgufLora(path, SampleBase());
      ASSERT_TRUE(read.ok()) << read.status().message();
      const auto after = SerializePeft(*read, SampleBase());
      EXPECT_EQ(after->config, before->config);
      EXPECT_EQ(after->weights, before->weights);
    }
  }
}

TEST(GgufLora, OtherKindsAreNamed) {
  gguf::Writer model;
  model.SetString("general.architecture", "llama");
  ExpectError(model, StatusCode::kIncompatible, "no adapter");
  gguf::Writer writer = Keys();
  writer.SetString("general.architecture", "qwen2");
  AddPair(writer);
  ExpectError(writer, StatusCode::kIncompatible, "'qwen2'");
  writer = Keys();
  writer.SetString("adapter.type", "control_vector");
  ExpectError(writer, StatusCode::kIncompatible, "'control_vector'");
  writer = Keys();
  writer.SetI32s("adapter.alora.invocation_tokens", {1});
  AddPair(writer);
  ExpectError(writer, StatusCode::kIncompatible, "alora");
}

TEST(GgufLora, AlphaMustBeANumberInRange) {
  gguf::Writer writer = Keys();
  AddPair(writer);
  writer.SetString("adapter.lora.alpha", "16");
  ExpectError(writer, StatusCode::kFormat, "must be f32");
  for (const float alpha : {NAN, INFINITY, -1.0f, 1e30f}) {
    writer.SetF32("adapter.lora.alpha", alpha);
    ExpectError(writer, StatusCode::kFormat, "adapter.lora.alpha");
  }
}

TEST(GgufLora, BadTensorsAreNamed) {
  const auto add = [](const std::string& name, const std::vector<uint64_t>& dims, float value) {
    gguf::Writer writer = Keys();
    AddPair(writer);
    size_t n = 1;
    for (const uint64_t dim : dims) n *= dim;
    writer.AddTensor(name, core::DType::kF32, dims, Floats(n, value));
    return writer;
  };
  ExpectError(add("blk.0.attn_q.weight.lora_a", {8, 3}, 0), StatusCode::kFormat,
              "lora_b is missing");
  ExpectError(add("blk.0.attn_norm.weight", {8}, 0), StatusCode::kFormat, "must end with");
  ExpectError(add("token_embd.weight.lora_a", {3, 8}, 0), StatusCode::kIncompatible, "embedding");
  ExpectError(add("../x.lora_a", {8, 3}, 0), StatusCode::kFormat, "no linear layer");
  ExpectError(Keys(), StatusCode::kFormat, "no tensors");

  gguf::Writer writer = Keys();
  writer.AddTensor("blk.0.attn_k.weight.lora_a", core::DType::kF32, {8, 3}, Floats(24, 0));
  writer.AddTensor("blk.0.attn_k.weight.lora_b", core::DType::kF32, {4, 3}, Floats(12, 0));
  ExpectError(writer, StatusCode::kFormat, "lora_b [r, out]");
  writer = Keys();
  writer.AddTensor("blk.0.attn_k.weight.lora_a", core::DType::kF32, {8, 3}, Floats(24, NAN));
  writer.AddTensor("blk.0.attn_k.weight.lora_b", core::DType::kF32, {3, 4}, Floats(12, 0));
  ExpectError(writer, StatusCode::kNumeric, "finite");
}

}  // namespace
}  // namespace selvedge::adapters
