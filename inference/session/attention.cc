#include "inference/session/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace selvedge::inference {
namespace {

constexpr size_t kBlock = KvCache::kBlockTokens;
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
  std::vector<float> part;    // [R, head_dim], what one block adds to out
  std::vector<float> scores;  // [R, kBlock]
  std::vector<float> max;     // [R] largest score so far
  std::vector<float> sum;     // [R] of exp(score - max)

  Scratch(size_t rows, size_t head_dim)
      : q(rows * head_dim),
        out(rows * head_dim),
        part(rows * head_dim),
        scores(rows * kBlock),
        max(rows, kMinusInfinity),
        sum(rows, 0.0f) {}
};

class TileAttention {
 public:
  TileAttention(core::ThreadPool& pool, const ModelConfig& config, const KvCache& cache,
                size_t layer, size_t first)
      : pool_(pool),
        config_(config),
        cache_(cache),
        layer_(layer),
        first_(first),
        group_(config.n_heads / config.n_kv_heads),
        window_(config.IsLocal(layer) ? config.window : std::numeric_limits<size_t>::max()) {}

  void Run(const Tile& tile, const float* q, float* out) {
    const size_t rows = (tile.t_end - tile.t_begin) * group_;
    Scratch s(rows, config_.head_dim);
    CopyRows(tile, q, s.q.data());
    const size_t end = first_ + tile.t_end;  // one past the last position any row may see
    for (size_t block = Oldest(first_ + tile.t_begin) / kBlock; block * kBlock < end; ++block) {
      const size_t start = block * kBlock;
      const size_t keys = std::min(kBlock, end - start);
      Scores(tile, block, rows, keys, &s);
      for (size_t r = 0; r < rows; ++r) {
        const size_t position = first_ + tile.t_begin + r / group_;
        const size_t visible = position < start ? 0 : std::min(keys, position - start + 1);
        const size_t oldest = Oldest(position);
        Rescale(r, oldest <= start ? 0 : std::min(visible, oldest - start), visible, keys, &s);
      }
      AddValues(tile, block, rows, keys, &s);
    }
    WriteRows(tile, s, out);
  }

 private:
  // The first position that the one given sees.
  size_t Oldest(size_t position) const { return position < window_ ? 0 : position - window_ + 1; }

  size_t Width() const { return size_t{config_.n_heads} * config_.head_dim; }

  void CopyRows(const Tile& tile, const float* q, float* to) const {
    const size_t width = group_ * config_.head_dim;
    for (size_t t = tile.t_begin; t < tile.t_end; ++t, to += width) {
      std::copy_n(q + t * Width() + tile.kv_head * width, width, to);
    }
  }

  // scores[r, 0..keys) = q_r . k; rows are `keys` apart.
  void Scores(const Tile& tile, size_t block, size_t rows, size_t keys, Scratch* s) const {
    const size_t d = config_.head_dim;
    Multiply(cache_.Keys(layer_, tile.kv_head, block), keys, d, d, s->q.data(), rows,
             s->scores.data());
  }

  // y[rows, n] = x[rows, k] W^T for W [n, k] whose rows are `stride` floats apart.
  void Multiply(const float* w, size_t n, size_t k, size_t stride, const float* x, size_t rows,
                float* y) const {
    const kernels::WeightView view = {reinterpret_cast<const uint8_t*>(w), core::DType::kF32, n, k,
                                      stride * sizeof(float)};
    kernels::MatMul(pool_, view, x, rows, y);
  }

  // Turns a row's scores into weights relative to its running maximum; keys [from, visible) count.
  void Rescale(size_t r, size_t from, size_t visible, size_t keys, Scratch* s) const {
    float* row = s->scores.data() + r * keys;
    if (config_.attention_cap > 0) SoftCap(config_.attention_cap, row + from, visible - from);
    float max = s->max[r];
    for (size_t j = from; j < visible; ++j) max = std::max(max, row[j]);
    float sum = 0;
    std::fill(row, row + from, 0.0f);
    for (size_t j = from; j < visible; ++j) {
      row[j] = std::exp(row[j] - max);
      sum += row[j];
    }
    std::fill(row + visible, row + keys, 0.0f);
    if (max > s->max[r]) {
      const float shrink = std::exp(s->max[r] - max);
      s->sum[r] *= shrink;
      float* out = s->out.data() + r * config_.head_dim;
      for (size_t i = 0; i < config_.head_dim; ++i) out[i] *= shrink;
      s->max[r] = max;
    }
    s->sum[r] += sum;
  }

  // out[r] += scores[r] V
  void AddValues(const Tile& tile, size_t block, size_t rows, size_t keys, Scratch* s) const {
    const size_t d = config_.head_dim;
    Multiply(cache_.Values(layer_, tile.kv_head, block), d, keys, kBlock, s->scores.data(), rows,
             s->part.data());
    kernels::AxpyF32(1.0f, s->part.data(), s->out.data(), rows * d);
  }

  void WriteRows(const Tile& tile, const Scratch& s, float* out) const {
    const size_t d = config_.head_dim;
    for (size_t t = tile.t_begin; t < tile.t_end; ++t) {
      float* to = out + t * Width() + tile.kv_head * group_ * d;
      for (size_t h = 0; h < group_; ++h) {
        const size_t r = (t - tile.t_begin) * group_ + h;
        const float scale = 1.0f / s.sum[r];
        for (size_t i = 0; i < d; ++i) to[h * d + i] = s.out[r * d + i] * scale;
      }
    }
  }

  core::ThreadPool& pool_;
  const ModelConfig& config_;
  const KvCache& cache_;
  size_t layer_, first_, group_;
  size_t window_;  // positions that one sees
};

}  // namespace

void SoftCap(float cap, float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = cap * std::tanh(x[i] / cap);
}

void Attend(core::ThreadPool& pool, const ModelConfig& config, const KvCache& cache, size_t layer,
            size_t first, size_t m, float* q, float* out) {
  constexpr size_t kTileTokens = 32;
  const size_t width = size_t{config.n_heads} * config.head_dim;
  for (size_t i = 0; i < m * width; ++i) q[i] *= config.attention_scale;

  const size_t tiles = (m + kTileTokens - 1) / kTileTokens;
  const auto body = [&](size_t begin, size_t end, int) {
    TileAttention attention(pool, config, cache, layer, first);
    for (size_t i = begin; i < end; ++i) {
      const size_t t = i / config.n_kv_heads * kTileTokens;
      attention.Run({t, std::min(m, t + kTileTokens), i % config.n_kv_heads}, q, out);
    }
  };
  // One token over a short context is too little to be worth waking other threads for.
  constexpr size_t kWorthSharing = size_t{1} << 18;
  const size_t work = m * (first + m) * width;
  if (work < kWorthSharing) {
    body(0, tiles * config.n_kv_heads, 0);
  } else {
    pool.ParallelFor(tiles * config.n_kv_heads, 1, body);
  }
}

}  // namespace selvedge::inference
