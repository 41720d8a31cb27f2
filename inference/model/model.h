#pragma once
// A base model: configuration and weights as views into the mapped file. Immutable and shared
// between threads, sessions and the trainer; nothing is copied but norms and rotary tables.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <selvedge/status.h>

#include "core/kernels/kernels.h"
#include "inference/model/rope.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

// What the feed-forward part does to the gate before it multiplies: x sigmoid(x), or x Phi(x) with
// Phi's tanh approximation (Hendrycks and Gimpel 2016).
enum class Activation { kSilu, kGelu };

struct ModelConfig {
  std::string architecture;  // "llama"
  uint32_t n_layers = 0;
  uint32_t n_embd = 0;
  uint32_t n_heads = 0;
  uint32_t n_kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t n_ff = 0;
  uint32_t n_ctx = 0;  // trained context
  uint32_t n_vocab = 0;
  float norm_eps = 1e-5f;
  Activation activation = Activation::kSilu;
  float embedding_scale = 1;

  uint32_t rope_dim = 0;
  float rope_base = 10000;
  bool rope_interleaved = true;  // GGUF NORM flavour
  RopeScaling rope_scaling;

  float attention_scale = 1;  // of scores, before the cap
  float attention_cap = 0;    // scores become cap * tanh(score / cap); 0: they do not
  float output_cap = 0;       // the same for logits

  // Local layers see the last `window` positions only, their own included. 0: no layer is local.
  uint32_t window = 0;
  std::vector<bool> is_local;  // [n_layers], or empty
  float local_rope_base = 10000;
  RopeScaling local_rope_scaling;

  bool IsLocal(size_t layer) const { return window > 0 && is_local[layer]; }
};

// Vectors that a model does not have are empty.
struct LayerWeights {
  std::vector<float> attn_norm;                              // [n_embd]
  std::vector<float> ffn_norm;                               // [n_embd]
  std::vector<float> attn_post_norm, ffn_post_norm;          // [n_embd], before the residual sum
  std::vector<float> attn_q_norm, attn_k_norm;               // [head_dim], before rotation
  std::vector<float> attn_q_bias, attn_k_bias, attn_v_bias;  // [rows of the matrix]
  kernels::WeightView attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down;
};

class Model {
 public:
  // kFormat, kLimit, kIncompatible (architecture, feature or tensor type, by name), kNumeric
  // (non-finite norms and, in files up to kCheckAtLoadBytes, any other non-finite weight or scale).
  // Larger files are not read through at load: CheckFinite does so on request, and a session
  // reports kNumeric if a logit is not finite.
  static Result<std::shared_ptr<const Model>> Load(std::shared_ptr<const gguf::File> file);

  static constexpr size_t kCheckAtLoadBytes = size_t{64} << 20;

  // Looks at every scale and plain value of the weights. kNumeric, naming the tensor.
  Status CheckFinite(core::ThreadPool& pool) const;

  const ModelConfig& config() const { return config_; }
  const gguf::File& file() const { return *file_; }
  const std::vector<LayerWeights>& layers() const { return layers_; }
  const kernels::WeightView& token_embedding() const {
    return token_embedding_;
  }                                                              // [n_vocab, n_embd]
  const kernels::WeightView& output() const { return output_; }  // same as above when tied
  bool tied() const { return output_.data == token_embedding_.data; }
  const std::vector<float>& output_norm() const { return output_norm_; }
  // Bytes of the matrices that one decoded token reads.
  size_t bytes_per_token() const { return bytes_per_token_; }

  // The rotary table of a layer in a sequence that may grow to n_ctx positions.
  const RopeTable& rope(bool local, int64_t n_ctx) const;

  // The weight that a LoRA tensor of this GGUF name adds to; null if there is none. Embeddings take
  // no LoRA. "output.weight" is the product that makes the logits, also where its matrix is tied.
  const kernels::WeightView* FindWeight(const std::string& base_name) const;

 private:
  Model() = default;
  friend class ModelLoader;
  std::shared_ptr<const gguf::File> file_;
  ModelConfig config_;
  std::vector<LayerWeights> layers_;
  kernels::WeightView token_embedding_, output_;
  std::vector<float> output_norm_;
  std::unordered_map<std::string, const kernels::WeightView*> by_name_;
  size_t bytes_per_token_ = 0;
  RopeTable rope_, local_rope_;
  RopeTable long_rope_;  // beyond the original context; without pairs if it is the same
};

}  // namespace selvedge::inference
