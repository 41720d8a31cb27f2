#pragma once
// A base model: configuration and weights as views into the mapped file. Immutable and shared
// between threads, sessions and the trainer; nothing is copied but norms and rotary tables.

#include <cstdint>
#include <memory>
#include <string>
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
  bool rope_interleaved = true;  // GGUF NORM flavour
};

struct LayerWeights {
  std::vector<float> attn_norm;  // [n_embd]
  std::vector<float> ffn_norm;   // [n_embd]
  kernels::WeightView attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down;
};

class Model {
 public:
  // kFormat, kLimit, kIncompatible (architecture or tensor type, by name), kNumeric (non-finite
  // scales or norms).
  static Result<std::shared_ptr<const Model>> Load(std::shared_ptr<const gguf::File> file);

  const ModelConfig& config() const { return config_; }
  const gguf::File& file() const { return *file_; }
  const std::vector<LayerWeights>& layers() const { return layers_; }
  const kernels::WeightView& token_embedding() const {
    return token_embedding_;
  }                                                              // [n_vocab, n_embd]
  const kernels::WeightView& output() const { return output_; }  // same as above when tied
  const std::vector<float>& output_norm() const { return output_norm_; }
  // [n_ctx, rope_dim / 2] each
  const std::vector<float>& rope_cos() const { return rope_cos_; }
  const std::vector<float>& rope_sin() const { return rope_sin_; }
  // The weight that a LoRA tensor of this GGUF name adds to; null if there is none.
  const kernels::WeightView* FindWeight(const std::string& base_name) const;

 private:
  Model() = default;
  friend class ModelLoader;
  std::shared_ptr<const gguf::File> file_;
  ModelConfig config_;
  std::vector<LayerWeights> layers_;
  kernels::WeightView token_embedding_, output_;
  std::vector<float> output_norm_, rope_cos_, rope_sin_;
};

}  // namespace selvedge::inference
