#pragma once
// The forward pass of a decoder model over a chunk of tokens.

#include <cstdint>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "inference/model/model.h"
#include "inference/session/adapter_set.h"
#include "inference/session/kv_cache.h"
#include "inference/session/projection.h"

namespace selvedge::inference {

// Keeps the activations of one chunk; not thread-safe. References must outlive it.
class Decoder {
 public:
  static constexpr size_t kMaxChunk = 256;  // tokens

  // n_ctx: the positions that the sequence may grow to.
  Decoder(const Model& model, const AdapterSet& adapters, core::ThreadPool& pool, int64_t n_ctx);

  // Runs tokens [M], M in [1, kMaxChunk], at positions first.. and writes their keys and values to
  // the cache, which has room. logits: [logit_rows, n_vocab] of the last `logit_rows` tokens.
  // With kAsAlone, fewer than kTiledFromRows tokens and a cache in F16, all of it is the same bits
  // as with one call per token.
  void Run(std::span<const int32_t> tokens, size_t first, size_t logit_rows, kernels::RowSums sums,
           KvCache* cache, float* logits);

 private:
  void Resize(size_t m);
  void Embed(std::span<const int32_t> tokens);
  void Layer(size_t index, size_t first, size_t skip, KvCache* cache);
  void RotateAndStore(size_t index, size_t first, size_t skip, KvCache* cache);
  void Finish(const std::vector<float>& bias, const std::vector<float>& norm, size_t heads,
              const float* cos, const float* sin, float* x) const;
  void Activate(float* gate, float* up, size_t n) const;
  void AddResidual(const std::vector<float>& norm, size_t rows, float* x);
  void FeedForward(const LayerWeights& layer, size_t skip);
  void Norm(const float* x, const std::vector<float>& weight, size_t rows, float* out);
  void Project(const float* x, size_t rows, std::span<const Projection> projections);
  void ForRows(size_t rows, const std::function<void(size_t, size_t, int)>& body);

  const Model& model_;
  const ModelConfig& config_;
  const AdapterSet& adapters_;
  core::ThreadPool& pool_;
  const RopeTable& rope_;
  const RopeTable& local_rope_;
  size_t m_ = 0;  // M of the running chunk
  kernels::RowSums sums_ = kernels::RowSums::kFastest;
  std::vector<float> x_, h_, y_;  // [M, n_embd]: residual stream, normed, a product to be added
  std::vector<float> q_, a_;      // [M, n_heads * head_dim]
  std::vector<float> k_, v_;      // [M, n_kv_heads * head_dim]
  std::vector<float> gate_, up_;  // [M, n_ff]
  std::vector<float> cos_, sin_;  // [M, rope_dim / 2]
  std::vector<float> local_cos_, local_sin_;  // the same for local layers, if there are any
};

}  // namespace selvedge::inference
