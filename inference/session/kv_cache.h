#pragma once
// Keys and values of the positions seen so far, in blocks that are allocated as the sequence grows.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include <selvedge/status.h>

#include "inference/model/model.h"

namespace selvedge::inference {

// Some positions of one head, all in one block.
struct KvRange {
  size_t layer, kv_head;
  size_t first, count;
};

// Not thread-safe; concurrent reads are.
class KvCache {
 public:
  static constexpr size_t kBlockTokens = 64;

  // `type`: F16, or F32 where rounding must not be seen.
  KvCache(const ModelConfig& config, core::DType type);

  // Bytes that `positions` positions take.
  static uint64_t BytesFor(const ModelConfig& config, core::DType type, uint64_t positions);

  core::DType type() const { return type_; }

  // Makes room for positions [0, n), of which [first, n) are to be stored: blocks of those that
  // others hold too are copied. kLimit if memory is out.
  Status Reserve(size_t first, size_t n);

  // Blocks of positions that are never stored to again.
  using Block = std::shared_ptr<const uint8_t[]>;
  // The blocks of positions [0, n), which were stored.
  std::vector<Block> Share(size_t n);
  // Takes up what Share gave on a cache for the same model and type. Only for an empty cache.
  void Adopt(std::vector<Block> blocks);
  size_t block_bytes() const { return n_layers_ * 2 * half_ * value_bytes_; }

  // How many of the positions [first, end) lie in the block of the first.
  static size_t InBlock(size_t first, size_t end) {
    return std::min(end - first, kBlockTokens - first % kBlockTokens);
  }

  // The keys of the range, as a matrix [count, head_dim].
  kernels::WeightView Keys(const KvRange& range) const { return View(range, 0); }
  // The values likewise.
  kernels::WeightView Values(const KvRange& range) const { return View(range, half_); }

  // Stores k and v [n_kv_heads, head_dim] of one position that was reserved, each value rounded to
  // the nearest of the cache's type.
  void Store(size_t layer, size_t position, const float* k, const float* v);

 private:
  size_t Offset(size_t layer, size_t kv_head) const {
    return (layer * n_kv_heads_ * 2 + kv_head) * kBlockTokens * head_dim_;
  }
  kernels::WeightView View(const KvRange& range, size_t part) const {
    const size_t offset =
        Offset(range.layer, range.kv_head) + part + range.first % kBlockTokens * head_dim_;
    return {blocks_[range.first / kBlockTokens].get() + offset * value_bytes_, type_, range.count,
            head_dim_, head_dim_ * value_bytes_};
  }
  void StoreRow(const float* x, uint8_t* to) const;

  core::DType type_;
  size_t value_bytes_;
  size_t n_layers_, n_kv_heads_, head_dim_;
  size_t half_;  // values from a layer's keys to its values in a block
  std::vector<std::shared_ptr<uint8_t[]>> blocks_;
  std::vector<bool> shared_;  // others hold the block too
};

}  // namespace selvedge::inference
