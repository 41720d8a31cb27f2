#pragma once
// Causal grouped-query attention over the cache, with a running softmax: no score matrix of the
// whole context is ever held.

#include <cstddef>
#include <span>

#include "core/thread_pool.h"
#include "inference/session/kv_cache.h"

namespace selvedge::inference {

// x = cap * tanh(x / cap), n values. Source: Bello et al. 2016, section 5.1, as Gemma 2 uses it.
void SoftCap(float cap, float* x, size_t n);

// The queries of one sequence: rows t < m of q [m, n_heads * head_dim], at position first + t,
// attend to positions 0..first + t of a layer of the cache, or in a local layer to the last
// config.window of them. Heads j * group .. (j + 1) * group - 1 share the keys and values of head
// j, group = n_heads / n_kv_heads. Scores are scaled by config.attention_scale and capped if config
// says so.
struct AttentionCall {
  const ModelConfig& config;
  const KvCache& cache;
  size_t layer;
  size_t first;
  size_t m;
  const float* q;
  float* out;  // [m, n_heads * head_dim]

  size_t width() const { return size_t{config.n_heads} * config.head_dim; }
  size_t group() const { return config.n_heads / config.n_kv_heads; }
  // The first position that the one given sees.
  size_t Oldest(size_t position) const {
    return config.IsLocal(layer) && position >= config.window ? position - config.window + 1 : 0;
  }
  // From products to scores, n values.
  void Score(float* x, size_t n) const;
};

// Chunks of fewer rows are computed row by row, larger ones in tiles. The two differ in rounding,
// as they do in llama.cpp (ggml's flash attention changes at the same number): a row's query is
// rounded to halves and its sum of values is kept in halves (not over a cache in blocks of
// integers). A cache in f32 is read in tiles only.
inline constexpr size_t kTiledFromRows = 64;

// Calls of one layer; all in tiles if `tiled`.
void Attend(core::ThreadPool& pool, std::span<const AttentionCall> calls, bool tiled);

// The ways, for one thread: rows [begin, end) of call.m * n_kv_heads pairs (row, key head), over a
// cache in F16 or in blocks of integers, and tiles [begin, end) of TileCount(call).
void AttendByRows(const AttentionCall& call, size_t begin, size_t end);
void AttendByQuantizedRows(const AttentionCall& call, size_t begin, size_t end);
size_t TileCount(const AttentionCall& call);
void AttendByTiles(core::ThreadPool& pool, const AttentionCall& call, size_t begin, size_t end);

}  // namespace selvedge::inference
