#pragma once
// Causal grouped-query attention over the cache, with a running softmax: no score matrix of the
// whole context is ever held.

#include <cstddef>

#include "core/thread_pool.h"
#include "inference/session/kv_cache.h"

namespace selvedge::inference {

// x = cap * tanh(x / cap), n values. Source: Bello et al. 2016, section 5.1, as Gemma 2 uses it.
void SoftCap(float cap, float* x, size_t n);

// For each row t < m of q [m, n_heads * head_dim], at position first + t, attends to positions
// 0..first + t of `cache`, or in a local layer to the last config.window of them, and writes
// [m, n_heads * head_dim] to out. Heads j * group ..
// (j + 1) * group - 1 share the keys and values of head j, group = n_heads / n_kv_heads.
// q is scaled in place by config.attention_scale; scores are capped if config says so.
// Source: Milakov and Gimelshein 2018, algorithm 3 (online normalizer), blockwise as in
// Dao et al. 2022.
void Attend(core::ThreadPool& pool, const ModelConfig& config, const KvCache& cache, size_t layer,
            size_t first, size_t m, float* q, float* out);

}  // namespace selvedge::inference
