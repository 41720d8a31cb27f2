#pragma once
// The forward pass of a decoder model over tokens of one sequence or several.

#include <cstdint>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "inference/model/model.h"
#include "inference/session/adapter_set.h"
#include "inference/session/attention.h"
#include "inference/session/kv_cache.h"
#include "inference/session/projection.h"

namespace selvedge::inference {

// Tokens of one sequence, at positions first, first + 1, ...
struct DecoderPart {
  std::span<const int32_t> tokens;
  size_t first;
  int64_t n_ctx;  // the positions that the sequence may grow to
  const AdapterSet* adapters;
  KvCache* cache;  // has room for them
};

// Keeps the activations of one pass; not thread-safe. References must outlive it.
class Decoder {
 public:
  static constexpr size_t kMaxChunk = 256;  // tokens of all parts together

  Decoder(const Model& model, core::ThreadPool& pool);

  // Runs the M tokens of all parts, M in [1, kMaxChunk], one after the other, and writes their keys
  // and values to the caches, which are all of one type and all different. logits: [logit_rows,
  // n_vocab] of the last `logit_rows` tokens.
  // With kAsAlone and no cache in F32, all of it is the same bits as with one call per token.
  void Run(std::span<const DecoderPart> parts, size_t logit_rows, kernels::RowSums sums,
           float* logits);

 private:
  // Where a row of the activations stands.
  struct Row {
    KvCache* cache;
    size_t position;
  };

  void Begin(std::span<const DecoderPart> parts, kernels::RowSums sums);
  void Resize(size_t m);
  void Embed(std::span<const int32_t> tokens, size_t row);
  void Layer(size_t index, size_t skip);
  void RotateAndStore(size_t index, size_t skip);
  void Attend(size_t index, size_t skip);
  void Finish(const std::vector<float>& bias, const std::vector<float>& norm, size_t heads,
              const float* cos, const float* sin, float* x) const;
  void Activate(float* gate, float* up, size_t n) const;
  void AddResidual(const std::vector<float>& norm, size_t rows, float* x);
  void FeedForward(const LayerWeights& layer, size_t skip);
  void Norm(const float* x, const std::vector<float>& weight, size_t rows, float* out);
  // Of the last `rows` rows.
  void Project(const float* x, size_t rows, std::span<const Projection> projections);
  void ForRows(size_t rows, const std::function<void(size_t, size_t, int)>& body);

  const Model& model_;
  const ModelConfig& config_;
  core::ThreadPool& pool_;
  size_t pairs_;  // that are rotated in a head
  // Of the running pass.
  std::span<const DecoderPart> parts_;
  size_t m_ = 0;
  kernels::RowSums sums_ = kernels::RowSums::kFastest;
  std::vector<Row> rows_;                    // [M]
  std::vector<const AdapterSet*> adapters_;  // [M]
  std::vector<AttentionCall> calls_;
  std::vector<float> x_, h_, y_;  // [M, n_embd]: residual stream, normed, a product to be added
  std::vector<float> q_, a_;      // [M, n_heads * head_dim]
  std::vector<float> k_, v_;      // [M, n_kv_heads * head_dim]
  std::vector<float> gate_, up_;  // [M, n_ff]
  std::vector<float> cos_, sin_;  // [M, pairs]
  std::vector<float> local_cos_, local_sin_;  // the same for local layers, if there are any
};

}  // namespace selvedge::inference
