#pragma once
// Keys and values of the positions seen so far, in blocks that are allocated as the sequence grows.
// Local layers keep the last positions only: those that their window can still see.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
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
  // A sequence may go back by so many positions without losing any that a local layer needs.
  static constexpr size_t kKeptBehindWindow = 64;

  // `type`: F16; Q8_0, half the memory; or F32 where rounding must not be seen.
  KvCache(const ModelConfig& config, core::DType type);

  // Whether heads of this model can be kept as `type`.
  static bool Fits(const ModelConfig& config, core::DType type);

  // Bytes that `positions` positions take.
  static uint64_t BytesFor(const ModelConfig& config, core::DType type, uint64_t positions);

  core::DType type() const { return type_; }

  // Makes room for positions [0, n), of which [first, n) are to be stored: blocks of those that
  // others hold too are copied, and what local layers see no more is given up. kLimit if memory is
  // out.
  Status Reserve(size_t first, size_t n);

  // The first position from which on local layers can go on; those before it see a window that is
  // given up in part. 0 too is always possible.
  size_t earliest() const;

  // Blocks of the same positions, never stored to again: of the layers that see all positions, and
  // of local ones (null if there are none, or given up).
  struct Block {
    std::shared_ptr<const uint8_t[]> all, local;
  };
  struct BlockBytes {
    size_t all = 0, local = 0;
    bool operator==(const BlockBytes&) const = default;
  };
  static BlockBytes BytesOfBlock(const ModelConfig& config, core::DType type);

  // The blocks of positions [0, n), which were stored.
  std::vector<Block> Share(size_t n);
  // Takes up what Share gave on a cache for the same model and type. Only for an empty cache.
  void Adopt(std::vector<Block> blocks);

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
  // Layers whose blocks are allocated together.
  struct Group {
    size_t n_layers = 0;
    size_t block_bytes = 0;
    std::vector<std::shared_ptr<uint8_t[]>> blocks;  // null: given up
    std::vector<bool> shared;                        // others hold the block too

    Status Reserve(size_t first, size_t n);
    void Adopt(std::vector<std::shared_ptr<const uint8_t[]>> adopted);
  };
  struct Place {
    bool local;
    size_t index;  // among the layers of the group
  };

  const Group& GroupOf(size_t layer) const { return groups_[places_[layer].local]; }
  // Bytes from the start of a block to a row of keys.
  size_t Offset(size_t layer, size_t kv_head, size_t position) const {
    const size_t heads = places_[layer].index * n_kv_heads_ * 2 + kv_head;
    return (heads * kBlockTokens + position % kBlockTokens) * row_bytes_;
  }
  kernels::WeightView View(const KvRange& range, size_t part) const {
    const uint8_t* block = GroupOf(range.layer).blocks[range.first / kBlockTokens].get();
    return {block + Offset(range.layer, range.kv_head, range.first) + part, type_, range.count,
            head_dim_, row_bytes_};
  }
  void StoreRow(const float* x, uint8_t* to) const;
  void GiveUp(size_t first);

  core::DType type_;
  size_t row_bytes_;  // of one head at one position
  size_t n_kv_heads_, head_dim_, window_;
  size_t half_;                  // bytes from a layer's keys to its values in a block
  std::vector<Place> places_;    // [n_layers]
  std::array<Group, 2> groups_;  // layers that see all positions, local ones
};

// The name of a type that keys and values may have, as the command and the API spell it: "f16" or
// "q8_0".
Result<core::DType> FindKvType(std::string_view name);

}  // namespace selvedge::inference
