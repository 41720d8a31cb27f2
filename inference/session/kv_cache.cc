#include "inference/session/kv_cache.h"

#include <cstring>
#include <new>
#include <string>

#include "inference/session/decoder.h"

namespace selvedge::inference {
namespace {

size_t RowBytes(const ModelConfig& config, core::DType type) {
  return core::RowBytes(*core::FindDType(type), config.head_dim);
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, core::DType type)
    : type_(type),
      row_bytes_(RowBytes(config, type)),
      n_kv_heads_(config.n_kv_heads),
      head_dim_(config.head_dim),
      window_(config.window),
      half_(n_kv_heads_ * kBlockTokens * row_bytes_) {
  for (size_t layer = 0; layer < config.n_layers; ++layer) {
    const bool local = config.IsLocal(layer);
    places_.push_back({local, groups_[local].n_layers++});
  }
  const BlockBytes bytes = BytesOfBlock(config, type);
  groups_[false].block_bytes = bytes.all;
  groups_[true].block_bytes = bytes.local;
}

bool KvCache::Fits(const ModelConfig& config, core::DType type) {
  return config.head_dim % core::FindDType(type)->block_values == 0;
}

KvCache::BlockBytes KvCache::BytesOfBlock(const ModelConfig& config, core::DType type) {
  const size_t layer = kBlockTokens * 2 * config.n_kv_heads * RowBytes(config, type);
  size_t local = 0;
  for (size_t i = 0; i < config.n_layers; ++i) local += config.IsLocal(i);
  return {(config.n_layers - local) * layer, local * layer};
}

uint64_t KvCache::BytesFor(const ModelConfig& config, core::DType type, uint64_t positions) {
  const BlockBytes bytes = BytesOfBlock(config, type);
  const auto blocks = [](uint64_t n) { return (n + kBlockTokens - 1) / kBlockTokens; };
  // A chunk is stored before what it sees no more is given up.
  const uint64_t local =
      std::min<uint64_t>(positions, config.window + kKeptBehindWindow + Decoder::kMaxChunk);
  return blocks(positions) * bytes.all + (blocks(local) + 1) * bytes.local;
}

Status KvCache::Group::Reserve(size_t first, size_t n) {
  if (n_layers == 0) return OkStatus();
  for (size_t i = first / kBlockTokens; i * kBlockTokens < n; ++i) {
    const bool known = i < blocks.size() && blocks[i] != nullptr;
    if (known && !shared[i]) continue;
    std::unique_ptr<uint8_t[]> block(new (std::nothrow) uint8_t[block_bytes]());
    if (block == nullptr) {
      return LimitError("session: no memory for position " + std::to_string(i * kBlockTokens) +
                        " of the context");
    }
    if (known) std::memcpy(block.get(), blocks[i].get(), block_bytes);
    if (i >= blocks.size()) {
      blocks.resize(i + 1);
      shared.resize(i + 1);
    }
    blocks[i] = std::move(block);
    shared[i] = false;
  }
  return OkStatus();
}

Status KvCache::Reserve(size_t first, size_t n) {
  GiveUp(first);
  for (Group& group : groups_) SELVEDGE_RETURN_IF_ERROR(group.Reserve(first, n));
  return OkStatus();
}

// What a query at `first` or later sees no more, nor one a little before.
void KvCache::GiveUp(size_t first) {
  if (first + 1 < window_ + kKeptBehindWindow) return;
  const size_t blocks = (first + 1 - window_ - kKeptBehindWindow) / kBlockTokens;
  Group& local = groups_[true];
  for (size_t i = std::min(blocks, local.blocks.size()); i-- > 0 && local.blocks[i] != nullptr;) {
    local.blocks[i] = nullptr;
  }
}

size_t KvCache::earliest() const {
  const Group& local = groups_[true];
  size_t block = 0;
  while (block < local.blocks.size() && local.blocks[block] == nullptr) ++block;
  return block == 0 ? 0 : block * kBlockTokens + window_ - 1;
}

std::vector<KvCache::Block> KvCache::Share(size_t n) {
  std::vector<Block> blocks((n + kBlockTokens - 1) / kBlockTokens);
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (groups_[false].n_layers > 0) blocks[i].all = groups_[false].blocks[i];
    if (groups_[true].n_layers > 0) blocks[i].local = groups_[true].blocks[i];
  }
  for (Group& group : groups_) {
    std::fill_n(group.shared.begin(), std::min(blocks.size(), group.shared.size()), true);
  }
  return blocks;
}

void KvCache::Group::Adopt(std::vector<std::shared_ptr<const uint8_t[]>> adopted) {
  blocks.clear();
  if (n_layers == 0) return;
  for (auto& block : adopted) {
    blocks.push_back(std::const_pointer_cast<uint8_t[]>(block));  // copied before it is stored to
  }
  shared.assign(blocks.size(), true);
}

void KvCache::Adopt(std::vector<Block> blocks) {
  std::vector<std::shared_ptr<const uint8_t[]>> all, local;
  for (Block& block : blocks) {
    all.push_back(std::move(block.all));
    local.push_back(std::move(block.local));
  }
  groups_[false].Adopt(std::move(all));
  groups_[true].Adopt(std::move(local));
}

void KvCache::StoreRow(const float* x, uint8_t* to) const {
  if (type_ == core::DType::kF16) {
    kernels::RoundToHalf(x, reinterpret_cast<uint16_t*>(to), head_dim_);
  } else {
    kernels::QuantizeRow(type_, x, to, head_dim_);
  }
}

void KvCache::Store(size_t layer, size_t position, const float* k, const float* v) {
  uint8_t* block = GroupOf(layer).blocks[position / kBlockTokens].get();
  for (size_t head = 0; head < n_kv_heads_; ++head) {
    uint8_t* row = block + Offset(layer, head, position);
    StoreRow(k + head * head_dim_, row);
    StoreRow(v + head * head_dim_, row + half_);
  }
}

Result<core::DType> FindKvType(std::string_view name) {
  if (name == "f16") return core::DType::kF16;
  if (name == "q8_0") return core::DType::kQ8_0;
  return UsageError("kv type: another one, f16 or q8_0 are allowed");
}

}  // namespace selvedge::inference
