#pragma once
// Keys and values of prompts, kept for prompts that begin alike. What is taken from here is the
// bits that reading the prompt would give: prompts are read in chunks of kChunk tokens from the
// start, and only whole chunks are shared between prompts, or the end of the very same prompt.

#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include <selvedge/status.h>

#include "core/digest.h"
#include "inference/session/session.h"

namespace selvedge::inference {

// Safe to use from several threads. Belongs to one model.
class PromptCache {
 public:
  static constexpr size_t kChunk = 256;  // tokens

  // Stands for all that keys and values depend on beside model and tokens.
  using Root = core::Sha256Digest;
  static Root RootOf(const AdapterSet& adapters, std::string_view chat_template, int64_t n_ctx,
                     core::DType kv_type);

  // Holds at most `most_bytes` of keys and values and logits.
  explicit PromptCache(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  // Brings a new session to the longest known beginning of `tokens`, and returns its length; if it
  // is the whole prompt, `logits` are those after it. `session` has the adapters, n_ctx and
  // kv_type of `root`. 0 if nothing is known.
  Result<int64_t> Resume(const Root& root, std::span<const int32_t> tokens, Session* session,
                         std::vector<float>* logits);
  // Keeps the state of a session that has seen `tokens` and nothing else, in chunks of kChunk;
  // what was used longest ago makes room. Without logits only whole chunks are kept; local layers
  // give them up as the prompt goes on, so it is called after each.
  void Keep(const Root& root, std::span<const int32_t> tokens, Session* session,
            std::span<const float> logits);

  uint64_t bytes() const;
  void Clear();

  // All entries, in a form that Restore reads. docs/formats/prompt_cache.md
  std::vector<uint8_t> Serialize() const;
  // Adds the entries; kFormat, and nothing added, if the bytes are none of Serialize's for a model
  // of this form.
  Status Restore(std::span<const uint8_t> bytes, const ModelConfig& config);

 private:
  using Key = core::Sha256Digest;
  struct Entry {
    Key key;
    uint64_t bytes = 0;
    core::DType type = core::DType::kF16;
    KvCache::BlockBytes block_bytes;
    std::vector<KvCache::Block> blocks;  // of this chunk or end alone
    std::vector<float> logits;           // of an end
  };

  static std::vector<Key> KeysOf(const Root& root, std::span<const int32_t> tokens);
  const Entry* Touch(const Key& key);
  void Insert(Entry entry);

  const uint64_t most_bytes_;
  mutable std::mutex mutex_;
  uint64_t bytes_ = 0;
  std::list<Entry> entries_;  // the one used last is first
  std::map<Key, std::list<Entry>::iterator> by_key_;
};

}  // namespace selvedge::inference
