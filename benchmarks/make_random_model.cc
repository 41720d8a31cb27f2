// Writes a llama model with random weights, to measure speed on the shape of a known one.
//
//   make_random_model SHAPE TYPE OUT
//     SHAPE  default (the embedded model's), smollm2-135m, tinyllama-1.1b
//     TYPE   of the matrices, as in `selvedge model info`: Q8_0, Q4_0, Q4_K, ...
//
// A pool of normally distributed values (mean 0, deviation 0.02) is quantized once, and tensors are
// cut from it: speed does not depend on the values. Norms are 1.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/seeded_random.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge {
namespace {

struct Shape {
  const char* name;
  uint32_t layers, embd, heads, kv_heads, ff, vocab, ctx;
  bool tied;  // no output matrix of its own
};

constexpr Shape kShapes[] = {
    {"default", 5, 256, 4, 2, 768, 4096, 1024, true},
    {"smollm2-135m", 30, 576, 9, 3, 1536, 49152, 8192, true},
    {"tinyllama-1.1b", 22, 2048, 32, 4, 5632, 32000, 2048, false},
};

class RandomTensors {
 public:
  // Empty if the type has no quantizer.
  static std::vector<uint8_t> Pool(core::DType type) {
    constexpr size_t kValues = size_t{1} << 20;
    core::SeededRandom random(1);
    std::vector<float> values(kValues);
    for (float& value : values) value = static_cast<float>(0.02 * random.NextGaussian());
    std::vector<uint8_t> pool(core::RowBytes(*core::FindDType(type), kValues));
    if (!kernels::QuantizeRow(type, values.data(), pool.data(), kValues)) pool.clear();
    return pool;
  }

  RandomTensors(core::DType type, gguf::Writer* writer)
      : type_(type), pool_(Pool(type)), writer_(writer) {}

  bool ok() const { return !pool_.empty(); }

  void AddMatrix(const std::string& name, uint64_t cols, uint64_t rows) {
    std::vector<uint8_t> bytes(rows * core::RowBytes(*core::FindDType(type_), cols));
    for (size_t at = 0; at < bytes.size(); at += pool_.size()) {
      std::memcpy(bytes.data() + at, pool_.data(), std::min(pool_.size(), bytes.size() - at));
    }
    writer_->AddTensor(name, type_, {cols, rows}, std::move(bytes));
  }

  void AddNorm(const std::string& name, uint64_t n) {
    const std::vector<float> ones(n, 1.0f);
    std::vector<uint8_t> bytes(n * sizeof(float));
    std::memcpy(bytes.data(), ones.data(), bytes.size());
    writer_->AddTensor(name, core::DType::kF32, {n}, std::move(bytes));
  }

 private:
  core::DType type_;
  std::vector<uint8_t> pool_;
  gguf::Writer* writer_;
};

void SetMetadata(const Shape& s, gguf::Writer* w) {
  w->SetString("general.architecture", "llama");
  w->SetString("general.name", std::string("random ") + s.name);
  w->SetU32("llama.context_length", s.ctx);
  w->SetU32("llama.embedding_length", s.embd);
  w->SetU32("llama.block_count", s.layers);
  w->SetU32("llama.feed_forward_length", s.ff);
  w->SetU32("llama.attention.head_count", s.heads);
  w->SetU32("llama.attention.head_count_kv", s.kv_heads);
  w->SetF32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  w->SetU32("llama.rope.dimension_count", s.embd / s.heads);
  w->SetString("tokenizer.ggml.model", "llama");
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types = {2, 3, 3};
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    tokens.push_back(text);
    types.push_back(6);
  }
  for (auto i = static_cast<uint32_t>(tokens.size()); i < s.vocab; ++i) {
    tokens.push_back("\xE2\x96\x81" + std::to_string(i));
    types.push_back(1);
  }
  w->SetStrings("tokenizer.ggml.tokens", std::move(tokens));
  w->SetF32s("tokenizer.ggml.scores", std::vector<float>(s.vocab, -1.0f));
  w->SetI32s("tokenizer.ggml.token_type", std::move(types));
  w->SetU32("tokenizer.ggml.bos_token_id", 1);
  w->SetU32("tokenizer.ggml.eos_token_id", 2);
}

void AddTensors(const Shape& s, RandomTensors* tensors) {
  const uint64_t kv = uint64_t{s.embd} / s.heads * s.kv_heads;
  tensors->AddMatrix("token_embd.weight", s.embd, s.vocab);
  tensors->AddNorm("output_norm.weight", s.embd);
  if (!s.tied) tensors->AddMatrix("output.weight", s.embd, s.vocab);
  for (uint32_t i = 0; i < s.layers; ++i) {
    const std::string p = "blk." + std::to_string(i) + ".";
    tensors->AddNorm(p + "attn_norm.weight", s.embd);
    tensors->AddNorm(p + "ffn_norm.weight", s.embd);
    tensors->AddMatrix(p + "attn_q.weight", s.embd, s.embd);
    tensors->AddMatrix(p + "attn_k.weight", s.embd, kv);
    tensors->AddMatrix(p + "attn_v.weight", s.embd, kv);
    tensors->AddMatrix(p + "attn_output.weight", s.embd, s.embd);
    tensors->AddMatrix(p + "ffn_gate.weight", s.embd, s.ff);
    tensors->AddMatrix(p + "ffn_up.weight", s.embd, s.ff);
    tensors->AddMatrix(p + "ffn_down.weight", s.ff, s.embd);
  }
}

int Fail(const std::string& what) {
  std::fprintf(stderr, "make_random_model: %s\n", what.c_str());
  return 1;
}

int Main(int argc, char** argv) {
  if (argc != 4) return Fail("usage: make_random_model SHAPE TYPE OUT");
  const auto shape = std::find_if(std::begin(kShapes), std::end(kShapes), [&](const Shape& s) {
    return std::strcmp(s.name, argv[1]) == 0;
  });
  if (shape == std::end(kShapes)) return Fail("no such shape, see the head of the source");
  const core::DTypeInfo* info = nullptr;
  for (uint32_t id = 0; id < 64 && info == nullptr; ++id) {
    const core::DTypeInfo* candidate = core::FindDType(id);
    if (candidate != nullptr && std::strcmp(candidate->name, argv[2]) == 0) info = candidate;
  }
  if (info == nullptr) return Fail("no such type");
  gguf::Writer writer;
  SetMetadata(*shape, &writer);
  RandomTensors tensors(info->type, &writer);
  if (!tensors.ok()) return Fail("the type has no quantizer");
  AddTensors(*shape, &tensors);
  const std::vector<uint8_t> bytes = writer.Serialize();
  std::ofstream out(argv[3], std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  return out.flush() ? 0 : Fail("cannot write the file");
}

}  // namespace
}  // namespace selvedge

int main(int argc, char** argv) { return selvedge::Main(argc, argv); }
