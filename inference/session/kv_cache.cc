#include "inference/session/kv_cache.h"

#include <algorithm>
#include <new>

namespace selvedge::inference {

KvCache::KvCache(const ModelConfig& config)
    : n_layers_(config.n_layers),
      n_kv_heads_(config.n_kv_heads),
      head_dim_(config.head_dim),
      half_(n_kv_heads_ * kBlockTokens * head_dim_) {}

uint64_t KvCache::BytesFor(const ModelConfig& config, uint64_t positions) {
  const uint64_t blocks = (positions + kBlockTokens - 1) / kBlockTokens;
  return blocks * kBlockTokens * config.n_layers * 2 * config.n_kv_heads * config.head_dim *
         sizeof(float);
}

Status KvCache::Reserve(size_t n) {
  while (blocks_.size() * kBlockTokens < n) {
    const size_t floats = n_layers_ * 2 * half_;
    std::unique_ptr<float[]> block(new (std::nothrow) float[floats]);
    if (block == nullptr) {
      return LimitError("session: no memory for position " +
                        std::to_string(blocks_.size() * kBlockTokens) + " of the context");
    }
    blocks_.push_back(std::move(block));
  }
  return OkStatus();
}

void KvCache::Store(size_t layer, size_t position, const float* k, const float* v) {
  float* block = blocks_[position / kBlockTokens].get();
  const size_t column = position % kBlockTokens;
  for (size_t head = 0; head < n_kv_heads_; ++head) {
    float* keys = block + Offset(layer, head);
    std::copy_n(k + head * head_dim_, head_dim_, keys + column * head_dim_);
    float* values = keys + half_ + column;
    for (size_t i = 0; i < head_dim_; ++i) values[i * kBlockTokens] = v[head * head_dim_ + i];
  }
}

}  // namespace selvedge::inference
