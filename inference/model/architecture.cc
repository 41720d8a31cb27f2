#include "inference/model/architecture.h"

#include <array>

namespace selvedge::inference {
namespace {

size_t Embd(const ModelConfig& c) { return c.n_embd; }
size_t Queries(const ModelConfig& c) { return size_t{c.n_heads} * c.head_dim; }
size_t Keys(const ModelConfig& c) { return size_t{c.n_kv_heads} * c.head_dim; }
size_t Ff(const ModelConfig& c) { return c.n_ff; }

// Attention without biases and a gated feed-forward part.
constexpr std::array<LayerMatrix, 7> kGatedMatrices = {{
    {"attn_q", &LayerWeights::attn_q, Queries, Embd},
    {"attn_k", &LayerWeights::attn_k, Keys, Embd},
    {"attn_v", &LayerWeights::attn_v, Keys, Embd},
    {"attn_output", &LayerWeights::attn_output, Embd, Queries},
    {"ffn_gate", &LayerWeights::ffn_gate, Ff, Embd},
    {"ffn_up", &LayerWeights::ffn_up, Ff, Embd},
    {"ffn_down", &LayerWeights::ffn_down, Embd, Ff},
}};

constexpr std::array<Architecture, 1> kArchitectures = {{
    {"llama", /*rope_interleaved=*/true, /*rope_dim_is_head_dim=*/true, kGatedMatrices},
}};

}  // namespace

const Architecture* FindArchitecture(std::string_view name) {
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name) return &architecture;
  }
  return nullptr;
}

std::string_view SupportedArchitectures() { return "'llama'"; }

}  // namespace selvedge::inference
