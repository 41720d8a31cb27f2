#include "tests/inference/fixtures.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/seeded_random.h"
#include "tests/core/kernel_cases.h"

namespace selvedge::inference::testing {
namespace {

// Bytes that live as long as the file that views them.
std::shared_ptr<const gguf::File> ParseOwned(std::vector<uint8_t> bytes) {
  auto owned = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  auto file = gguf::File::Parse(core::MappedFile::Wrap(*owned, "test model"));
  if (!file.ok()) {
    std::fprintf(stderr, "%s\n", file.status().message().c_str());
    std::abort();
  }
  const gguf::File* raw = file->get();
  return {raw, [owned, kept = *file](const gguf::File*) {}};
}

nlohmann::json GoldenJson(const std::string& name) {
  std::ifstream in(GoldenPath(name));
  return nlohmann::json::parse(in);
}

std::vector<uint8_t> Encode(const ModelParts::Tensor& tensor, core::SeededRandom* random) {
  uint64_t n = 1;
  for (const uint64_t d : tensor.dims) n *= d;
  std::vector<float> values = tensor.values;
  const float spread = tensor.dims.size() == 1 ? 0.1f : 0.2f;
  const float centre = tensor.dims.size() == 1 ? 1.0f : 0.0f;
  while (values.size() < n) {
    values.push_back(centre + spread * static_cast<float>(random->NextGaussian()));
  }
  std::vector<uint8_t> out(core::RowBytes(*core::FindDType(tensor.type), n));
  if (!kernels::QuantizeRow(tensor.type, values.data(), out.data(), n)) {
    kernels::RandomBlocks(*random, *core::FindDType(tensor.type), &out);
  }
  return out;
}

}  // namespace

std::string GoldenPath(const std::string& name) {
  return SELVEDGE_SOURCE_DIR "/tests/inference/golden/" + name;
}

std::vector<float> ReadGoldenFloats(const std::string& name) {
  std::ifstream in(GoldenPath(name), std::ios::binary);
  const std::string raw((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::vector<float> out(raw.size() / sizeof(float));
  raw.copy(reinterpret_cast<char*>(out.data()), out.size() * sizeof(float));
  return out;
}

std::vector<int32_t> GoldenTokens(const std::string& folder) {
  return GoldenJson(folder + "tokens.json")["ids"].get<std::vector<int32_t>>();
}

std::vector<int64_t> GoldenPositions(const std::string& folder) {
  return GoldenJson(folder + "tokens.json")["positions"].get<std::vector<int64_t>>();
}

std::shared_ptr<const gguf::File> OpenGolden(const std::string& name) {
  auto file = gguf::File::Open(GoldenPath(name));
  if (!file.ok()) std::abort();
  return *file;
}

std::shared_ptr<const Model> LoadGolden(const std::string& name) {
  auto model = Model::Load(OpenGolden(name));
  if (!model.ok()) {
    std::fprintf(stderr, "%s\n", model.status().message().c_str());
    std::abort();
  }
  return *model;
}

std::unique_ptr<Tokenizer> GoldenTokenizer() {
  auto tokenizer = Tokenizer::FromGguf(*OpenGolden("tiny_q8_0.gguf"));
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.status().message().c_str());
    std::abort();
  }
  return std::move(*tokenizer);
}

ModelParts ModelParts::Small(core::DType type) {
  constexpr uint64_t kDim = 64, kFf = 96, kVocab = 300, kKv = 32;
  ModelParts p;
  p.keys = {{"general.architecture", std::string("llama")},
            {"llama.context_length", uint32_t{128}},
            {"llama.embedding_length", uint32_t{64}},
            {"llama.block_count", uint32_t{2}},
            {"llama.feed_forward_length", uint32_t{96}},
            {"llama.attention.head_count", uint32_t{4}},
            {"llama.attention.head_count_kv", uint32_t{2}},
            {"llama.attention.layer_norm_rms_epsilon", 1e-5f},
            {"llama.rope.dimension_count", uint32_t{16}},
            {"llama.rope.freq_base", 10000.0f},
            {"tokenizer.ggml.model", std::string("llama")},
            {"tokenizer.ggml.bos_token_id", uint32_t{1}},
            {"tokenizer.ggml.eos_token_id", uint32_t{2}}};
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types = {2, 3, 3};
  while (tokens.size() < kVocab) {
    tokens.push_back(std::to_string(tokens.size()).insert(0, 1, 'w'));
    types.push_back(1);
  }
  p.keys["tokenizer.ggml.tokens"] = tokens;
  p.keys["tokenizer.ggml.token_type"] = types;
  p.keys["tokenizer.ggml.scores"] = std::vector<float>(kVocab, -1.0f);
  p.tensors["token_embd.weight"] = {type, {kDim, kVocab}, {}};
  p.tensors["output_norm.weight"] = {core::DType::kF32, {kDim}, {}};
  for (const std::string layer : {"blk.0.", "blk.1."}) {
    for (const char* norm : {"attn_norm", "ffn_norm"}) {
      p.tensors[layer + norm + ".weight"] = {core::DType::kF32, {kDim}, {}};
    }
    p.tensors[layer + "attn_q.weight"] = {type, {kDim, kDim}, {}};
    p.tensors[layer + "attn_k.weight"] = {type, {kDim, kKv}, {}};
    p.tensors[layer + "attn_v.weight"] = {type, {kDim, kKv}, {}};
    p.tensors[layer + "attn_output.weight"] = {type, {kDim, kDim}, {}};
    p.tensors[layer + "ffn_gate.weight"] = {type, {kDim, kFf}, {}};
    p.tensors[layer + "ffn_up.weight"] = {type, {kDim, kFf}, {}};
    p.tensors[layer + "ffn_down.weight"] = {type, {kFf, kDim}, {}};
  }
  return p;
}

std::shared_ptr<const gguf::File> ModelParts::Build() const {
  gguf::Writer writer;
  for (const auto& [name, value] : keys) {
    if (const auto* u = std::get_if<uint32_t>(&value)) writer.SetU32(name, *u);
    if (const auto* f = std::get_if<float>(&value)) writer.SetF32(name, *f);
    if (const auto* b = std::get_if<bool>(&value)) writer.SetBool(name, *b);
    if (const auto* s = std::get_if<std::string>(&value)) writer.SetString(name, *s);
    if (const auto* s = std::get_if<std::vector<std::string>>(&value)) writer.SetStrings(name, *s);
    if (const auto* f = std::get_if<std::vector<float>>(&value)) writer.SetF32s(name, *f);
    if (const auto* i = std::get_if<std::vector<int32_t>>(&value)) writer.SetI32s(name, *i);
  }
  core::SeededRandom random(3);
  for (const auto& [name, tensor] : tensors) {
    writer.AddTensor(name, tensor.type, tensor.dims, Encode(tensor, &random));
  }
  return ParseOwned(writer.Serialize());
}

std::shared_ptr<const Model> ModelOf(core::DType type) {
  ModelParts parts = ModelParts::Small();
  const auto width = static_cast<uint32_t>(core::FindDType(type)->block_values == 256 ? 256 : 64);
  const uint64_t ff = width == 256 ? 512 : 96;
  parts.keys["llama.embedding_length"] = width;
  parts.keys["llama.feed_forward_length"] = static_cast<uint32_t>(ff);
  parts.keys["llama.rope.dimension_count"] = width / 4;
  for (auto& [name, tensor] : parts.tensors) {
    for (uint64_t& dim : tensor.dims) {
      dim = dim == 64 ? width : dim == 32 ? width / 2 : dim == 96 ? ff : dim;
    }
    if (tensor.dims.size() == 2) tensor.type = type;
  }
  return *Model::Load(parts.Build());
}

std::shared_ptr<const AdapterSet> AdaptersOn(const Model& model, uint64_t seed, double scale) {
  core::SeededRandom random(seed);
  const auto values = [&random](size_t n) {
    std::vector<float> out(n);
    for (float& value : out) value = static_cast<float>(random.NextGaussian() * 0.1);
    return out;
  };
  auto adapter = std::make_shared<adapters::LoraAdapter>();
  adapter->architecture = model.config().architecture;
  for (const char* name : {"blk.0.attn_q.weight", "blk.1.attn_v.weight", "blk.1.ffn_down.weight"}) {
    const kernels::WeightView& weight = *model.FindWeight(name);
    adapters::LoraTensor tensor;
    tensor.base_name = name;
    tensor.rank = 3;
    tensor.in = static_cast<uint32_t>(weight.cols);
    tensor.out = static_cast<uint32_t>(weight.rows);
    tensor.a = values(3 * weight.cols);
    tensor.b = values(3 * weight.rows);
    adapter->tensors.push_back(tensor);
  }
  return *AdapterSet::Build(model, {{"test", adapter, scale}});
}

}  // namespace selvedge::inference::testing
