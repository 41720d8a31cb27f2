#pragma once
// Keys and values of the positions seen so far, in blocks that are allocated as the sequence grows.

#include <cstdint>
#include <memory>
#include <vector>

#include <selvedge/status.h>

#include "inference/model/model.h"

namespace selvedge::inference {

// Not thread-safe; concurrent reads are.
class KvCache {
 public:
  static constexpr size_t kBlockTokens = 64;

  explicit KvCache(const ModelConfig& config);

  // Bytes that `positions` positions take.
  static uint64_t BytesFor(const ModelConfig& config, uint64_t positions);

  // Makes room for positions [0, n). kLimit if memory is out.
  Status Reserve(size_t n);

  // The keys of one head at positions from block * kBlockTokens on: [kBlockTokens, head_dim] f32.
  const float* Keys(size_t layer, size_t kv_head, size_t block) const {
    return blocks_[block].get() + Offset(layer, kv_head);
  }
  // The values, transposed, so that their weighted sum is a product of rows too:
  // [head_dim, kBlockTokens] f32.
  const float* Values(size_t layer, size_t kv_head, size_t block) const {
    return Keys(layer, kv_head, block) + half_;
  }

  // Stores k and v [n_kv_heads, head_dim] of one position that was reserved.
  void Store(size_t layer, size_t position, const float* k, const float* v);

 private:
  size_t Offset(size_t layer, size_t kv_head) const {
    return (layer * n_kv_heads_ * 2 + kv_head) * kBlockTokens * head_dim_;
  }
  size_t n_layers_, n_kv_heads_, head_dim_;
  size_t half_;  // floats from a layer's keys to its values in a block
  std::vector<std::unique_ptr<float[]>> blocks_;
};

}  // namespace selvedge::inference
