#pragma once
// A base model: configuration and weights as views into the mapped file. Immutable and shared
// between threads, sessions and the trainer; nothing is copied but norms and rotary tables.

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <selvedge/status.h>

#include "core/kernels/kernels.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

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
  uint32_t rope_dim = 0;
  float rope_base = 10000;
  float norm_eps = 1e-5f;
  float rope_scale = 1;          // positions are divided by it (linear scaling)
  bool rope_interleaved = true;  // GGUF NORM flavour
};

struct LayerWeights {
  std::vector<float> attn_norm;  // [n_embd]
  std::vector<float> ffn_norm;   // [n_embd]
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
  const std::vector<float>& output_norm() const { return output_norm_; }
  // Bytes of the matrices that one decoded token reads.
  size_t bytes_per_token() const { return bytes_per_token_; }

  // Rotary tables for positions [first, first + count): [count, rope_dim / 2] each.
  void FillRope(int64_t first, size_t count, float* cos, float* sin) const;
  // The same for the whole context, [n_ctx, rope_dim / 2] each; computed on first use.
  const std::vector<float>& rope_cos() const;
  const std::vector<float>& rope_sin() const;

  // The weight that a LoRA tensor of this GGUF name adds to; null if there is none. Embeddings take
  // no LoRA (nor does the output if it is tied to them).
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
  std::vector<double> rope_frequency_;  // [rope_dim / 2], radians per position
  mutable std::once_flag rope_once_;
  mutable std::vector<float> rope_cos_, rope_sin_;
};

}  // namespace selvedge::inference
