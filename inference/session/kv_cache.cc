#include "inference/session/kv_cache.h"

#include <cstring>
#include <new>

namespace selvedge::inference {

KvCache::KvCache(const ModelConfig& config, core::DType type)
    : type_(type),
      value_bytes_(core::RowBytes(*core::FindDType(type), 1)),
      n_layers_(config.n_layers),
      n_kv_heads_(config.n_kv_heads),
      head_dim_(config.head_dim),
      half_(n_kv_heads_ * kBlockTokens * head_dim_) {}

uint64_t KvCache::BytesFor(const ModelConfig& config, core::DType type, uint64_t positions) {
  const uint64_t blocks = (positions + kBlockTokens - 1) / kBlockTokens;
  return blocks * kBlockTokens * config.n_layers * 2 * config.n_kv_heads *
         core::RowBytes(*core::FindDType(type), config.head_dim);
}

Status KvCache::Reserve(size_t first, size_t n) {
  const auto make = [this](size_t index) -> std::shared_ptr<uint8_t[]> {
    std::unique_ptr<uint8_t[]> block(new (std::nothrow) uint8_t[block_bytes()]());
    if (block != nullptr && index < blocks_.size()) {
      std::memcpy(block.get(), blocks_[index].get(), block_bytes());
    }
    return block;
  };
  for (size_t i = first / kBlockTokens; i * kBlockTokens < n; ++i) {
    if (i < blocks_.size() && !shared_[i]) continue;
    std::shared_ptr<uint8_t[]> block = make(i);
    if (block == nullptr) {
      return LimitError("session: no memory for position " + std::to_string(i * kBlockTokens) +
                        " of the context");
    }
    if (i < blocks_.size()) {
      blocks_[i] = std::move(block);
      shared_[i] = false;
    } else {
      blocks_.push_back(std::move(block));
      shared_.push_back(false);
    }
  }
  return OkStatus();
}

std::vector<KvCache::Block> KvCache::Share(size_t n) {
  const size_t count = (n + kBlockTokens - 1) / kBlockTokens;
  std::fill_n(shared_.begin(), count, true);
  return {blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(count)};
}

void KvCache::Adopt(std::vector<Block> blocks) {
  blocks_.clear();
  for (Block& block : blocks) {
    blocks_.push_back(std::const_pointer_cast<uint8_t[]>(block));  // copied before it is stored to
  }
  shared_.assign(blocks_.size(), true);
}

void KvCache::StoreRow(const float* x, uint8_t* to) const {
  if (type_ == core::DType::kF16) {
    kernels::RoundToHalf(x, reinterpret_cast<uint16_t*>(to), head_dim_);
  } else {
    std::memcpy(to, x, head_dim_ * sizeof(float));
  }
}

void KvCache::Store(size_t layer, size_t position, const float* k, const float* v) {
  uint8_t* block = blocks_[position / kBlockTokens].get();
  for (size_t head = 0; head < n_kv_heads_; ++head) {
    const size_t at = Offset(layer, head) + position % kBlockTokens * head_dim_;
    StoreRow(k + head * head_dim_, block + at * value_bytes_);
    StoreRow(v + head * head_dim_, block + (at + half_) * value_bytes_);
  }
}

}  // namespace selvedge::inference
