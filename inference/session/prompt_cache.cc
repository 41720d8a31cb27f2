#include "inference/session/prompt_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/cpu_features.h"

namespace selvedge::inference {
namespace {

constexpr size_t kBlocksOfChunk = PromptCache::kChunk / KvCache::kBlockTokens;
static_assert(PromptCache::kChunk % KvCache::kBlockTokens == 0);

core::Sha256Digest NextKey(const core::Sha256Digest& before, std::string_view kind,
                           std::span<const int32_t> tokens) {
  core::Sha256 hash;
  hash.Update(before).Update(kind).UpdateU64(tokens.size());
  for (const int32_t token : tokens) hash.UpdateU64(static_cast<uint64_t>(token));
  return hash.Finish();
}

}  // namespace

PromptCache::Root PromptCache::RootOf(const AdapterSet& adapters, std::string_view chat_template,
                                      int64_t n_ctx, core::DType kv_type) {
  core::Sha256 hash;
  hash.Update("selvedge prompt cache v2").Update(adapters.digest());
  hash.UpdateU64(chat_template.size()).Update(chat_template);
  hash.UpdateU64(static_cast<uint64_t>(n_ctx)).UpdateU64(static_cast<uint64_t>(kv_type));
  hash.Update(core::IsaName(core::ActiveIsa()));
  return hash.Finish();
}

// One key for each whole chunk, and one for the end of the prompt.
std::vector<PromptCache::Key> PromptCache::KeysOf(const Root& root,
                                                  std::span<const int32_t> tokens) {
  std::vector<Key> keys;
  Key key = root;
  for (; tokens.size() >= kChunk; tokens = tokens.subspan(kChunk)) {
    key = NextKey(key, "chunk", tokens.first(kChunk));
    keys.push_back(key);
  }
  keys.push_back(NextKey(key, "end", tokens));
  return keys;
}

const PromptCache::Entry* PromptCache::Touch(const Key& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &entries_.front();
}

Result<int64_t> PromptCache::Resume(const Root& root, std::span<const int32_t> tokens,
                                    Session* session, std::vector<float>* logits) {
  const std::vector<Key> keys = KeysOf(root, tokens);
  std::vector<KvCache::Block> blocks;
  int64_t positions = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = 0; i < keys.size(); ++i) {
      const Entry* entry = Touch(keys[i]);
      if (entry == nullptr) break;
      blocks.insert(blocks.end(), entry->blocks.begin(), entry->blocks.end());
      const bool end = i + 1 == keys.size();
      positions =
          end ? static_cast<int64_t>(tokens.size()) : static_cast<int64_t>((i + 1) * kChunk);
      if (end) *logits = entry->logits;
    }
  }
  // A prompt of whole chunks whose end is not known: its last chunk is read again for the logits.
  // Nor can it be gone on from where local layers lack what they look back on.
  while (positions > 0 && ((logits->empty() && positions == static_cast<int64_t>(tokens.size())) ||
                           !session->CanGoOn(blocks, positions))) {
    positions = (positions - 1) / static_cast<int64_t>(kChunk) * static_cast<int64_t>(kChunk);
    blocks.resize(static_cast<size_t>(positions) / KvCache::kBlockTokens);
    logits->clear();
  }
  if (positions > 0) SELVEDGE_RETURN_IF_ERROR(session->Adopt(std::move(blocks), positions));
  return positions;
}

void PromptCache::Keep(const Root& root, std::span<const int32_t> tokens, Session* session,
                       std::span<const float> logits) {
  const std::vector<Key> keys = KeysOf(root, tokens);
  const std::vector<KvCache::Block> blocks = session->Share();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = keys.size(); i-- > 0;) {  // the beginning is what most prompts share
    if (Touch(keys[i]) != nullptr) continue;
    const bool end = i + 1 == keys.size();
    if (end && logits.empty()) continue;
    Entry entry;
    entry.key = keys[i];
    entry.type = session->kv_type();
    entry.block_bytes = session->block_bytes();
    const size_t first = i * kBlocksOfChunk;
    const size_t last = end ? blocks.size() : first + kBlocksOfChunk;
    for (size_t b = first; b < last; ++b) entry.blocks.push_back(blocks[b]);
    if (end) entry.logits.assign(logits.begin(), logits.end());
    Insert(std::move(entry));
  }
}

void PromptCache::Insert(Entry entry) {
  entry.bytes = entry.logits.size() * sizeof(float);
  for (const KvCache::Block& block : entry.blocks) {
    entry.bytes += block.all == nullptr ? 0 : entry.block_bytes.all;
    entry.bytes += block.local == nullptr ? 0 : entry.block_bytes.local;
  }
  if (entry.bytes > most_bytes_) return;
  while (bytes_ + entry.bytes > most_bytes_) {
    bytes_ -= entries_.back().bytes;
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  by_key_[entries_.front().key] = entries_.begin();
}

void PromptCache::Clear() {
  const std::lock_guard<std::mutex> lock(mutex_);
  entries_.clear();
  by_key_.clear();
  bytes_ = 0;
}

uint64_t PromptCache::bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

}  // namespace selvedge::inference
