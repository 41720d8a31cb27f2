#include "inference/model/architecture.h"

#include <array>

namespace selvedge::inference {
namespace {

size_t Embd(const ModelConfig& c) { return c.n_embd; }
size_t Head(const ModelConfig& c) { return c.head_dim; }
size_t Queries(const ModelConfig& c) { return size_t{c.n_heads} * c.head_dim; }
size_t Keys(const ModelConfig& c) { return size_t{c.n_kv_heads} * c.head_dim; }
size_t Ff(const ModelConfig& c) { return c.n_ff; }

using W = LayerWeights;

constexpr std::array<LayerMatrix, 7> kGatedMatrices = {{
    {"attn_q", Embd, {{&W::attn_q, Queries}}},
    {"attn_k", Embd, {{&W::attn_k, Keys}}},
    {"attn_v", Embd, {{&W::attn_v, Keys}}},
    {"attn_output", Queries, {{&W::attn_output, Embd}}},
    {"ffn_gate", Embd, {{&W::ffn_gate, Ff}}},
    {"ffn_up", Embd, {{&W::ffn_up, Ff}}},
    {"ffn_down", Ff, {{&W::ffn_down, Embd}}},
}};

// Queries, keys and values in one tensor, and gate and up projection in one.
constexpr std::array<LayerMatrix, 4> kFusedMatrices = {{
    {"attn_qkv", Embd, {{&W::attn_q, Queries}, {&W::attn_k, Keys}, {&W::attn_v, Keys}}},
    {"attn_output", Queries, {{&W::attn_output, Embd}}},
    {"ffn_up", Embd, {{&W::ffn_gate, Ff}, {&W::ffn_up, Ff}}},
    {"ffn_down", Ff, {{&W::ffn_down, Embd}}},
}};

constexpr std::array<LayerVector, 2> kNorms = {{
    {"attn_norm.weight", &W::attn_norm, Embd, true},
    {"ffn_norm.weight", &W::ffn_norm, Embd, true},
}};

constexpr std::array<LayerVector, 5> kNormsAndBiases = {{
    kNorms[0],
    kNorms[1],
    {"attn_q.bias", &W::attn_q_bias, Queries, false},
    {"attn_k.bias", &W::attn_k_bias, Keys, false},
    {"attn_v.bias", &W::attn_v_bias, Keys, false},
}};

constexpr std::array<LayerVector, 7> kNormsBiasesAndHeadNorms = {{
    kNorms[0],
    kNorms[1],
    kNormsAndBiases[2],
    kNormsAndBiases[3],
    kNormsAndBiases[4],
    {"attn_q_norm.weight", &W::attn_q_norm, Head, true},
    {"attn_k_norm.weight", &W::attn_k_norm, Head, true},
}};

constexpr std::array<LayerVector, 4> kSandwichNorms = {{
    kNorms[0],
    kNorms[1],
    {"post_attention_norm.weight", &W::attn_post_norm, Embd, true},
    {"post_ffw_norm.weight", &W::ffn_post_norm, Embd, true},
}};

constexpr std::array<LayerVector, 6> kSandwichAndHeadNorms = {{
    kNorms[0],
    kNorms[1],
    kSandwichNorms[2],
    kSandwichNorms[3],
    kNormsBiasesAndHeadNorms[5],
    kNormsBiasesAndHeadNorms[6],
}};

// Sources: the models' published configurations and the GGUF files that llama.cpp's converter makes
// of them. Gemma's 27B models (46 and 62 layers) scale scores by the embedding.
constexpr Architecture kArchitectures[] = {
    {.name = "llama",
     .rope_interleaved = true,
     .rope_dim_is_head_dim = true,
     .matrices = kGatedMatrices,
     .vectors = kNormsAndBiases},
    {.name = "qwen2",
     .rope_interleaved = false,
     .rope_dim_is_head_dim = true,
     .matrices = kGatedMatrices,
     .vectors = kNormsAndBiases},
    {.name = "qwen3",
     .rope_interleaved = false,
     .rope_dim_is_head_dim = true,
     .matrices = kGatedMatrices,
     .vectors = kNormsBiasesAndHeadNorms},
    {.name = "gemma2",
     .rope_interleaved = false,
     .rope_dim_is_head_dim = true,
     .matrices = kGatedMatrices,
     .vectors = kSandwichNorms,
     .activation = Activation::kGelu,
     .scales_embedding = true,
     .attention_cap = 50,
     .output_cap = 30,
     .reads_output_cap = true,
     .embedding_scaled_layers = 46,
     .window = {.period = 2, .default_window = 4096}},
    {.name = "gemma3",
     .rope_interleaved = false,
     .rope_dim_is_head_dim = true,
     .matrices = kGatedMatrices,
     .vectors = kSandwichAndHeadNorms,
     .activation = Activation::kGelu,
     .scales_embedding = true,
     .reads_output_cap = true,
     .embedding_scaled_layers = 62,
     .window = {.period = 6, .default_window = 0, .own_rope_base = true}},
    {.name = "phi3",
     .rope_interleaved = false,
     .rope_dim_is_head_dim = false,
     .matrices = kFusedMatrices,
     .vectors = kNorms,
     .rope_factors_by_context = true},
};

}  // namespace

const Architecture* FindArchitecture(std::string_view name) {
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name) return &architecture;
  }
  return nullptr;
}

std::string SupportedArchitectures() {
  std::string out;
  for (const Architecture& architecture : kArchitectures) {
    if (!out.empty()) out += &architecture == std::end(kArchitectures) - 1 ? " or " : ", ";
    out += "'" + std::string(architecture.name) + "'";
  }
  return out;
}

}  // namespace selvedge::inference
