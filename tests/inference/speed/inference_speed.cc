// Measures decode and prefill on random weights of a known model shape.
//
//   inference_speed SHAPE [THREADS] [REPEATS] [--lora] [--write FILE]
//     SHAPE  default (the embedded model's) or smollm2 (SmolLM2-135M's), both Q8_0
//     --lora   a rank-8 adapter on every weight that takes one
//     --write  also writes the model as a GGUF file
// Prints tokens per second of 512-token prefill and of 128 tokens decoded after it and after
// nothing, by the clock and by processor time: the best of REPEATS.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>

#include "core/seeded_random.h"
#include "inference/session/session.h"

namespace selvedge::inference {
namespace {

struct Shape {
  uint32_t layers, embd, heads, kv_heads, ff, vocab, ctx;
};

constexpr Shape kDefault = {5, 256, 4, 2, 768, 4096, 1024};
constexpr Shape kSmolLm2 = {30, 576, 9, 3, 1536, 49152, 8192};

// Q8_0 blocks of random values with a scale that keeps activations of the order of 1.
std::vector<uint8_t> RandomQ8(uint64_t cols, uint64_t rows, core::SeededRandom* random) {
  std::vector<uint8_t> out(rows * cols / 32 * 34);
  constexpr uint16_t kScale = 0x0E00;  // 3.7e-4 as f16
  for (size_t block = 0; block < out.size(); block += 34) {
    std::memcpy(out.data() + block, &kScale, sizeof kScale);
    for (size_t i = 2; i < 34; i += 8) {
      const uint64_t bits = random->NextU64();
      std::memcpy(out.data() + block + i, &bits, sizeof bits);
    }
  }
  return out;
}

std::vector<uint8_t> BuildModel(const Shape& s) {
  core::SeededRandom random(1);
  gguf::Writer w;
  w.SetString("general.architecture", "llama");
  w.SetU32("llama.context_length", s.ctx);
  w.SetU32("llama.embedding_length", s.embd);
  w.SetU32("llama.block_count", s.layers);
  w.SetU32("llama.feed_forward_length", s.ff);
  w.SetU32("llama.attention.head_count", s.heads);
  w.SetU32("llama.attention.head_count_kv", s.kv_heads);
  w.SetF32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  w.SetU32("llama.rope.dimension_count", s.embd / s.heads);
  w.SetString("tokenizer.ggml.model", "llama");
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types = {2, 3, 3};
  for (uint32_t i = 3; i < s.vocab; ++i) {
    tokens.push_back(std::to_string(i).insert(0, "\xE2\x96\x81"));
    types.push_back(1);
  }
  w.SetStrings("tokenizer.ggml.tokens", std::move(tokens));
  w.SetF32s("tokenizer.ggml.scores", std::vector<float>(s.vocab, -1.0f));
  w.SetI32s("tokenizer.ggml.token_type", std::move(types));
  w.SetU32("tokenizer.ggml.bos_token_id", 1);
  w.SetU32("tokenizer.ggml.eos_token_id", 2);

  const uint64_t kv = s.embd / s.heads * s.kv_heads;
  const auto matrix = [&](const std::string& name, uint64_t cols, uint64_t rows) {
    w.AddTensor(name, core::DType::kQ8_0, {cols, rows}, RandomQ8(cols, rows, &random));
  };
  const auto norm = [&](const std::string& name) {
    const std::vector<float> ones(s.embd, 1.0f);
    std::vector<uint8_t> bytes(s.embd * sizeof(float));
    std::memcpy(bytes.data(), ones.data(), bytes.size());
    w.AddTensor(name, core::DType::kF32, {s.embd}, std::move(bytes));
  };
  matrix("token_embd.weight", s.embd, s.vocab);
  norm("output_norm.weight");
  for (uint32_t i = 0; i < s.layers; ++i) {
    const std::string p = "blk." + std::to_string(i) + ".";
    norm(p + "attn_norm.weight");
    norm(p + "ffn_norm.weight");
    matrix(p + "attn_q.weight", s.embd, s.embd);
    matrix(p + "attn_k.weight", s.embd, kv);
    matrix(p + "attn_v.weight", s.embd, kv);
    matrix(p + "attn_output.weight", s.embd, s.embd);
    matrix(p + "ffn_gate.weight", s.embd, s.ff);
    matrix(p + "ffn_up.weight", s.embd, s.ff);
    matrix(p + "ffn_down.weight", s.ff, s.embd);
  }
  return w.Serialize();
}

std::shared_ptr<const AdapterSet> RankEightOnEverything(const Model& model) {
  auto adapter = std::make_shared<adapters::LoraAdapter>();
  adapter->architecture = "llama";
  for (uint32_t i = 0; i < model.config().n_layers; ++i) {
    for (const char* name :
         {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}) {
      const std::string full = "blk." + std::to_string(i) + "." + name + ".weight";
      const kernels::WeightView* weight = model.FindWeight(full);
      const auto in = static_cast<uint32_t>(weight->cols),
                 out = static_cast<uint32_t>(weight->rows);
      adapter->tensors.push_back({full, 8, in, out, std::vector<float>(8 * weight->cols, 1e-3f),
                                  std::vector<float>(8 * weight->rows, 1e-3f), 2.0f});
    }
  }
  return *AdapterSet::Build(model, {{"bench", adapter, 1.0}});
}

double Seconds(const std::chrono::steady_clock::time_point& since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

// Processor time of all threads: what remains meaningful on a busy machine.
double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Rate {
  double wall = 0;  // tokens per second
  double cpu = 0;   // tokens per second of processor time
};

// Of appending n tokens, `at_once` at a time.
Rate Speed(Session& session, int n, int at_once) {
  const std::vector<int32_t> tokens(static_cast<size_t>(at_once), 100);
  std::vector<float> logits;
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = CpuSeconds();
  for (int i = 0; i < n; i += at_once) {
    const Status status = session.Append(tokens, false, &logits);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.message().c_str());
      std::exit(1);
    }
  }
  return {n / Seconds(begin), n / (CpuSeconds() - cpu)};
}

struct Best {
  Rate prefill, decode, decode_after_prefill;
};

void Keep(const Rate& rate, Rate* best) {
  best->wall = std::max(best->wall, rate.wall);
  best->cpu = std::max(best->cpu, rate.cpu);
}

Best Measure(const std::shared_ptr<const Model>& model, std::shared_ptr<const AdapterSet> adapters,
             core::ThreadPool& pool, int repeats) {
  Best best;
  for (int i = 0; i < repeats; ++i) {
    auto fresh = Session::Create(model, adapters, pool, 0);
    Keep(Speed(**fresh, 128, 1), &best.decode);
    auto long_one = Session::Create(model, adapters, pool, 0);
    Keep(Speed(**long_one, 512, 512), &best.prefill);
    Keep(Speed(**long_one, 128, 1), &best.decode_after_prefill);
  }
  return best;
}

int Main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name != "default" && name != "smollm2") {
    std::fprintf(
        stderr,
        "usage: inference_speed default|smollm2 [THREADS] [REPEATS] [--lora] [--write FILE]\n");
    return 2;
  }
  const std::vector<uint8_t> bytes = BuildModel(name == "default" ? kDefault : kSmolLm2);
  bool lora = false;
  for (int i = 2; i < argc; ++i) {
    if (std::string(argv[i]) == "--lora") lora = true;
    if (std::string(argv[i]) == "--write" && i + 1 < argc) {
      std::ofstream(argv[i + 1], std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
  }
  auto file = gguf::File::Parse(core::MappedFile::Wrap(bytes, name));
  const auto begin = std::chrono::steady_clock::now();
  auto model = Model::Load(*file);
  if (!model.ok()) {
    std::fprintf(stderr, "%s\n", model.status().message().c_str());
    return 1;
  }
  const double load_ms = 1e3 * Seconds(begin);
  core::ThreadPool pool(argc > 2 ? std::atoi(argv[2]) : 0);
  const auto adapters = lora ? RankEightOnEverything(**model) : AdapterSet::Empty();
  const Best best = Measure(*model, adapters, pool, argc > 3 ? std::max(1, std::atoi(argv[3])) : 3);
  std::printf("%s, %d threads%s: load %.1f ms; tokens/s (per processor second)\n", name.c_str(),
              pool.threads(), lora ? ", rank-8 adapter" : "", load_ms);
  std::printf("  prefill of 512 %.0f (%.0f), decode %.0f (%.0f), decode after 512 %.0f (%.0f)\n",
              best.prefill.wall, best.prefill.cpu, best.decode.wall, best.decode.cpu,
              best.decode_after_prefill.wall, best.decode_after_prefill.cpu);
  return 0;
}

}  // namespace
}  // namespace selvedge::inference

int main(int argc, char** argv) { return selvedge::inference::Main(argc, argv); }
