#pragma once
// What an Engine holds. The model, the tokenizer and published adapter sets are immutable; only the
// served adapter and the cached digests change, under their mutexes.

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/home.h>

#include "adapters/lora.h"
#include "adapters/store.h"
#include "core/thread_pool.h"
#include "inference/grammar/token_table.h"
#include "inference/model/model.h"
#include "inference/session/adapter_set.h"
#include "inference/session/prompt_cache.h"
#include "inference/tokenizer/tokenizer.h"
#include "sdk/base_model.h"
#include "sdk/joint_decoding.h"
#include "sdk/memory_budget.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge {

struct Engine::Impl {
  Impl(const EngineOptions& options, BaseModel base);

  const gguf::File& file() const { return model->file(); }
  adapters::BaseShape base_shape() const;
  Result<std::string> BaseDigest();
  Result<std::string> FileSha256();

  // The set that a request with these options applies. kUsage, kNotFound, kPolicy, and what
  // reading and checking an adapter can give.
  Result<std::shared_ptr<const inference::AdapterSet>> Adapters(const std::string& adapter,
                                                                const std::vector<LoraFile>& lora);
  Result<AdapterRefresh> Refresh();
  // Empties the prompt cache if records were removed or consent was withdrawn since the last call:
  // it holds what adapters knew that learned from them. Gives the home's removal epoch.
  Result<int64_t> ForgetRemoved();
  // The vocabulary as grammars need it; made at the first call.
  std::shared_ptr<const inference::TokenTable> Tokens();

  const std::string path;  // as given, or "embedded:default"
  const std::shared_ptr<const inference::Model> model;
  const std::unique_ptr<inference::Tokenizer> tokenizer;
  const std::string chat_template;  // text of the file's, or empty
  MemoryBudget memory;
  const PowerMode power;
  core::ThreadPool pool;
  uint64_t huge_page_bytes = 0;  // set when opened
  inference::PromptCache prompt_cache;
  JointDecoding joint;

 private:
  using Set = std::shared_ptr<const inference::AdapterSet>;

  std::mutex digest_mutex_;
  std::string base_digest_;
  std::string file_sha256_;
  std::once_flag tokens_once_;
  std::shared_ptr<const inference::TokenTable> tokens_;

 public:
  // An adapter of the home that was read and verified. Empty: none.
  struct Loaded {
    std::string id;
    std::shared_ptr<const adapters::LoraAdapter> adapter;
    Set set;  // the adapter alone at scale 1; empty set without one
  };
  // One of the home's that may be used: from memory if it was served lately, else from the disk.
  Result<Loaded> Load(const std::string& id);
  void ForgetLoaded();

  // The home's active adapter as served now; `generation` is the registry's counter it belongs to.
  struct Served {
    bool known = false;
    int64_t generation = 0;
    Loaded active;
  };
  Home* home = nullptr;
  std::atomic<int64_t> removal_epoch{0};
  std::mutex served_mutex;
  Served served;

 private:
  const size_t kept_adapters_;
  std::mutex loaded_mutex_;
  std::list<Loaded> loaded_;  // the one used last is first; at most kept_adapters_ and one
};

}  // namespace selvedge
