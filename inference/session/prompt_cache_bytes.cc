// The prompt cache as bytes: docs/formats/prompt_cache.md.

#include <cstring>
#include <utility>

#include "inference/session/prompt_cache.h"

namespace selvedge::inference {
namespace {

constexpr std::string_view kMagic = "SLVPCAC2";

void PutU64(uint64_t value, std::vector<uint8_t>* out) {
  for (int i = 0; i < 8; ++i) out->push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// Takes bytes from the front; all takers fail once they run out.
struct Reader {
  std::span<const uint8_t> rest;
  bool ok = true;

  std::span<const uint8_t> Take(uint64_t n) {
    ok = ok && n <= rest.size();
    if (!ok) return {};
    const auto taken = rest.first(n);
    rest = rest.subspan(n);
    return taken;
  }
  uint64_t U64() {
    uint64_t value = 0;
    const auto bytes = Take(8);
    for (size_t i = 0; i < bytes.size(); ++i) value |= uint64_t{bytes[i]} << (8 * i);
    return value;
  }
};

void PutBytes(const std::shared_ptr<const uint8_t[]>& bytes, size_t n, std::vector<uint8_t>* out) {
  if (bytes != nullptr) out->insert(out->end(), bytes.get(), bytes.get() + n);
}

std::shared_ptr<const uint8_t[]> TakeBytes(Reader& reader, size_t n) {
  const auto from = reader.Take(n);
  if (!reader.ok) return nullptr;
  std::shared_ptr<uint8_t[]> bytes(new uint8_t[n]);
  std::memcpy(bytes.get(), from.data(), n);
  return bytes;
}

// Which parts of a block follow.
constexpr uint64_t kHasAll = 1, kHasLocal = 2;

}  // namespace

std::vector<uint8_t> PromptCache::Serialize() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<uint8_t> out(kMagic.begin(), kMagic.end());
  PutU64(entries_.size(), &out);
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {  // the oldest first
    out.insert(out.end(), entry->key.begin(), entry->key.end());
    PutU64(static_cast<uint64_t>(entry->type), &out);
    PutU64(entry->blocks.size(), &out);
    PutU64(entry->logits.size(), &out);
    for (const KvCache::Block& block : entry->blocks) {
      PutU64((block.all == nullptr ? 0 : kHasAll) | (block.local == nullptr ? 0 : kHasLocal), &out);
      PutBytes(block.all, entry->block_bytes.all, &out);
      PutBytes(block.local, entry->block_bytes.local, &out);
    }
    const auto* logits = reinterpret_cast<const uint8_t*>(entry->logits.data());
    out.insert(out.end(), logits, logits + entry->logits.size() * sizeof(float));
  }
  return out;
}

Status PromptCache::Restore(std::span<const uint8_t> bytes, const ModelConfig& config) {
  Reader reader{bytes};
  const auto magic = reader.Take(kMagic.size());
  const Status wrong = FormatError("prompt cache: the saved bytes are not of this model");
  if (!reader.ok || std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) return wrong;
  std::vector<Entry> entries;
  for (uint64_t left = reader.U64(); reader.ok && left > 0; --left) {
    Entry entry;
    const auto key = reader.Take(entry.key.size());
    if (reader.ok) std::copy(key.begin(), key.end(), entry.key.begin());
    const uint64_t type = reader.U64(), blocks = reader.U64(), logits = reader.U64();
    const bool known = type == static_cast<uint64_t>(core::DType::kF16) ||
                       type == static_cast<uint64_t>(core::DType::kQ8_0);
    if (!reader.ok || !known || blocks > kChunk || (logits != 0 && logits != config.n_vocab)) {
      return wrong;
    }
    entry.type = static_cast<core::DType>(type);
    entry.block_bytes = KvCache::BytesOfBlock(config, entry.type);
    for (uint64_t i = 0; i < blocks && reader.ok; ++i) {
      KvCache::Block block;
      const uint64_t parts = reader.U64();
      if ((parts & kHasAll) != 0) block.all = TakeBytes(reader, entry.block_bytes.all);
      if ((parts & kHasLocal) != 0) block.local = TakeBytes(reader, entry.block_bytes.local);
      if (parts > (kHasAll | kHasLocal)) return wrong;
      entry.blocks.push_back(std::move(block));
    }
    const auto values = reader.Take(logits * sizeof(float));
    entry.logits.resize(values.size() / sizeof(float));
    if (!values.empty()) std::memcpy(entry.logits.data(), values.data(), values.size());
    entries.push_back(std::move(entry));
  }
  if (!reader.ok || !reader.rest.empty()) return wrong;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Entry& entry : entries) {
    if (Touch(entry.key) == nullptr) Insert(std::move(entry));
  }
  return OkStatus();
}

}  // namespace selvedge::inference
