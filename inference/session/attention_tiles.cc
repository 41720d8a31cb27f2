// Attention of many rows at once, for prompts: products of tiles, in f32 over the cache's halves.
// Source: Milakov and Gimelshein 2018, algorithm 3 (online normalizer), blockwise as in Dao et al.
// 2022.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "inference/session/attention.h"

namespace selvedge::inference {
namespace {

constexpr size_t kBlock = KvCache::kBlockTokens;
constexpr size_t kTileTokens = 32;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// A tile is some consecutive rows t of q with all query heads of one key head. Row index inside a
// tile: (t - t_begin) * group + head in group.
struct Tile {
  size_t t_begin, t_end;
  size_t kv_head;
};

// Buffers of one thread for tiles of up to R rows.
struct Scratch {
  std::vector<float> q;       // [R, head_dim]
  std::vector<float> out;     // [R, head_dim], unnormalised
  std::vector<float> scores;  // [R, kBlock]
  std::vector<float> max;     // [R] largest score so far
  std::vector<float> sum;     // [R] of exp(score - max)

  void Reset(size_t rows, size_t head_dim) {
    q.resize(rows * head_dim);
    out.assign(rows * head_dim, 0.0f);
    scores.resize(rows * kBlock);
    max.assign(rows, kMinusInfinity);
    sum.assign(rows, 0.0f);
  }
};

class TileAttention {
 public:
  TileAttention(core::ThreadPool& pool, const AttentionCall& call)
      : pool_(pool), call_(call), group_(call.group()), d_(call.config.head_dim) {}

  void Run(const Tile& tile) {
    const size_t rows = (tile.t_end - tile.t_begin) * group_;
    s_.Reset(rows, d_);
    CopyRows(tile);
    const size_t end = call_.first + tile.t_end;  // one past the last position any row may see
    // From the start of a block on, as ggml does.
    size_t start = call_.Oldest(call_.first + tile.t_begin) / kBlock * kBlock;
    for (; start < end; start += kBlock) {
      const KvRange range = {call_.layer, tile.kv_head, start, KvCache::InBlock(start, end)};
      kernels::GemmForward(pool_, call_.cache.Keys(range), s_.q.data(), rows, s_.scores.data());
      for (size_t r = 0; r < rows; ++r) {
        const size_t position = call_.first + tile.t_begin + r / group_;
        const size_t oldest = call_.Oldest(position);
        const size_t visible = position < start ? 0 : std::min(range.count, position - start + 1);
        Rescale(r, oldest <= start ? 0 : std::min(visible, oldest - start), visible, range.count);
      }
      kernels::GemmInputGrad(pool_, call_.cache.Values(range), s_.scores.data(), rows,
                             s_.out.data(), /*accumulate=*/true);
    }
    WriteRows(tile);
  }

 private:
  void CopyRows(const Tile& tile) {
    const size_t width = group_ * d_;
    float* to = s_.q.data();
    for (size_t t = tile.t_begin; t < tile.t_end; ++t, to += width) {
      const float* from = call_.q + t * call_.width() + tile.kv_head * width;
      for (size_t i = 0; i < width; ++i) to[i] = from[i];
    }
  }

  // Turns a row's products into weights relative to its running maximum; keys [from, visible) of
  // `keys` count.
  void Rescale(size_t r, size_t from, size_t visible, size_t keys) {
    float* row = s_.scores.data() + r * keys;
    if (from == visible) {
      std::fill(row, row + keys, 0.0f);
      return;
    }
    call_.Score(row + from, visible - from);
    float max = s_.max[r];
    for (size_t j = from; j < visible; ++j) max = std::max(max, row[j]);
    std::fill(row, row + from, kMinusInfinity);
    std::fill(row + visible, row + keys, kMinusInfinity);
    const double sum = kernels::ExpMinus(row, keys, max);
    if (max > s_.max[r]) {
      const float shrink = std::exp(s_.max[r] - max);
      s_.sum[r] *= shrink;
      float* out = s_.out.data() + r * d_;
      for (size_t i = 0; i < d_; ++i) out[i] *= shrink;
      s_.max[r] = max;
    }
    s_.sum[r] = static_cast<float>(s_.sum[r] + sum);
  }

  void WriteRows(const Tile& tile) {
    for (size_t t = tile.t_begin; t < tile.t_end; ++t) {
      float* to = call_.out + t * call_.width() + tile.kv_head * group_ * d_;
      for (size_t h = 0; h < group_; ++h) {
        const size_t r = (t - tile.t_begin) * group_ + h;
        const float scale = 1.0f / s_.sum[r];
        for (size_t i = 0; i < d_; ++i) to[h * d_ + i] = s_.out[r * d_ + i] * scale;
      }
    }
  }

  core::ThreadPool& pool_;
  const AttentionCall& call_;
  size_t group_, d_;
  Scratch s_;
};

}  // namespace

size_t TileCount(const AttentionCall& call) {
  return (call.m + kTileTokens - 1) / kTileTokens * call.config.n_kv_heads;
}

void AttendByTiles(core::ThreadPool& pool, const AttentionCall& call, size_t begin, size_t end) {
  TileAttention attention(pool, call);
  for (size_t i = begin; i < end; ++i) {
    const size_t t = i / call.config.n_kv_heads * kTileTokens;
    attention.Run({t, std::min(call.m, t + kTileTokens), i % call.config.n_kv_heads});
  }
}

}  // namespace selvedge::inference
