#pragma once
// Inference: a base model, and generations on it with the adapters of a home or of files.
//
// Engine is safe to use from several threads; each Generate call is its own session, and calls at
// the same time share the passes over the weights. An adapter published while a generation runs is
// used by the next one: a generation keeps the set it started with.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

namespace selvedge {

class Home;

struct ModelInfo {
  std::string path;  // "embedded:default" for the built-in model
  std::string arch;  // general.architecture
  std::string name;  // general.name, may be empty
  int64_t parameters = 0;
  int64_t tensors = 0;
  int64_t layers = 0;
  int64_t embedding_length = 0;
  int64_t context_length = 0;
  int64_t vocab_size = 0;
  int64_t file_bytes = 0;
  int64_t bytes_read_per_token = 0;      // weight bytes that decoding one token reads
  int64_t huge_page_bytes = 0;           // of the file, copied to huge pages (EngineOptions)
  std::map<std::string, int64_t> types;  // tensor type name -> count
};

struct SamplingOptions {
  double temperature = 0.8;     // 0 = greedy
  int top_k = 40;               // 0 = off
  double top_p = 0.95;          // 1 = off
  double min_p = 0.05;          // 0 = off
  double repeat_penalty = 1.0;  // 1 = off
  int repeat_last_n = 64;       // tokens looked back on by the penalty; 0 = off, -1 = whole context
  uint64_t seed = 0;            // 0 = from the operating system
};

// A LoRA adapter file or folder to apply beside, or instead of, the home's active adapter.
struct LoraFile {
  std::string path;  // PEFT folder or GGUF adapter
  double scale = 1;
};

struct GenerateOptions {
  std::string prompt;       // UTF-8 (invalid bytes become U+FFFD)
  int64_t n_predict = 128;  // -1 = until end of text or context
  int64_t n_ctx = 0;        // 0 = from the model
  SamplingOptions sampling;
  bool parse_special = false;  // special tokens in the prompt are recognised
  bool ignore_eos = false;
  std::string adapter = "active";  // registry id, "active" (none without a home) or "none"
  std::vector<LoraFile> lora;
  std::vector<std::string> stop;  // generation ends before any of these strings
  // The generated text is one that this grammar makes (GBNF), or JSON that this schema allows; not
  // both. It ends early only by a stop string, n_predict or the context. docs/inference.md
  std::string grammar;
  std::string json_schema;
  // Where the text repeats itself, up to so many next tokens are guessed from it and checked in one
  // pass; 0 to 31. What is generated is the same for every value, under every sampling.
  int draft_max = 0;
  // How keys and values are kept: "f16", or "q8_0" in half the memory, a little less exactly.
  std::string kv_type = "f16";
  // A full context ends a generation, unless this is set: then the first n_keep tokens (-1 = the
  // prompt, at most half of the context) and the newer half of the others are read again as a text
  // of their own, and it goes on from there. The older half is forgotten.
  bool context_shift = false;
  int64_t n_keep = 4;
  // Looked at before every token; true ends the generation as "cancelled" (also from a signal
  // handler).
  const std::atomic<bool>* cancel = nullptr;
  // Called with each piece of whole UTF-8 text as it comes; return false to stop.
  std::function<bool(std::string_view)> on_text;
};

struct GenerateResult {
  std::string text;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, taken from the prompt cache
  int64_t generated_tokens = 0;
  double prompt_tokens_per_s = 0;  // of those that were not cached; 0 if all were
  double tokens_per_s = 0;
  int64_t drafted_tokens = 0;            // guessed ...
  int64_t accepted_tokens = 0;           // ... and right
  double first_token_ms = 0;             // from the call to the first generated token
  std::string finish_reason;             // "stop" | "length" | "cancelled"
  bool context_full = false;             // "length": not for n_predict, but for the context
  int64_t context_shifts = 0;            // times that the older half was forgotten
  std::vector<std::string> adapter_ids;  // registry ids or file names of what was applied
};

struct ChatMessage {
  std::string role;  // "system" | "user" | "assistant"
  std::string content;
};

struct EvalOptions {
  std::vector<std::string> documents;  // each scored on its own, after <s>
  int64_t n_ctx = 0;                   // window length; 0 = from the model
  std::string kv_type = "f16";         // as in GenerateOptions
  std::string adapter = "none";
  std::vector<LoraFile> lora;
};

struct EvalResult {
  int64_t tokens = 0;  // scored tokens
  double loss = 0;     // mean cross-entropy, nats per token
  double ppl = 0;      // exp(loss)
  double bits_per_byte = 0;
  double top1 = 0;  // share of next tokens ranked first
  double top3 = 0;
  int64_t words = 0;
  // Share of words all of whose tokens were ranked first, given the true prefix.
  double word_top1 = 0;
  double word_top3 = 0;
};

// What a look at the home's registry found.
struct AdapterRefresh {
  bool changed = false;    // another adapter than before is served from now on
  std::string adapter_id;  // what "active" means now; empty = none
  double swap_ms = 0;      // reading, verifying and publishing it; 0 if nothing changed
};

// Where weights lie: in the pages of their file, shared with other processes and taken back by the
// system when memory is short, or copied to huge pages of this process's own, which are read
// faster. A copy takes as much memory as the file and some time when the model is opened.
// kAuto: copied if the model has 256 MiB or more and twice its size is free.
enum class HugePages { kAuto, kOn, kOff };

// kPerformance: a thread for each core, no rests. kBalanced: the same, but on a hot device a rest
// after each token as long as the token took. kSaver: a thread for every second core, and rests
// three times as long. Hot is what condition `cool` of training is not; a device that does not say
// counts as cool. A number of threads that is given counts in every mode.
enum class PowerMode { kPerformance, kBalanced, kSaver };

struct EngineOptions {
  std::string model_path;  // GGUF; empty = the embedded default model
  int threads = 0;         // 0 = as `power` says
  // What prompts left in the model's keys and values is kept for prompts that begin alike, up to so
  // much memory; 0 = nothing. It changes how fast a prompt is read, never what is generated.
  int64_t prompt_cache_mb = 64;
  // Open and generations that would need more than this are refused with kLimit and the figure; 0 =
  // no limit. Counts the whole model file, keys and values, buffers and the prompt cache.
  int64_t memory_limit_mb = 0;
  HugePages huge_pages = HugePages::kOff;
  PowerMode power = PowerMode::kBalanced;
  // So many adapters of the home that were served last stay in memory, so that they can be served
  // again at once; each takes about twice the size of its matrices.
  int kept_adapters = 2;
};

class Engine {
 public:
  static constexpr char kEmbedded[] = "embedded:default";  // ModelInfo::path of the built-in model

  // kNotFound, kIo, kFormat, kLimit, kIncompatible as the file deserves.
  static Result<Engine> Open(const EngineOptions& options);

  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  ModelInfo info() const;
  // SHA-256 in hex of architecture, tokenizer and tensors (storage/gguf documents the exact bytes);
  // cached.
  Result<std::string> BaseDigest() const;
  // SHA-256 in hex of the model file's bytes; cached.
  Result<std::string> FileSha256() const;

  // Makes "active" mean the active adapter of `home`, which must outlive the engine. Each request
  // looks at the registry, so an adapter activated by another process is picked up without restart.
  Status AttachHome(Home* home);
  // Does now what the next request would do first: looks at the registry and, if another adapter is
  // active there, reads, verifies and publishes it. kUsage without a home.
  Result<AdapterRefresh> RefreshAdapter();

  Result<GenerateResult> Generate(const GenerateOptions& options) const;
  // Renders messages by the model's chat template and continues as the assistant; options.prompt is
  // ignored.
  Result<GenerateResult> Chat(const std::vector<ChatMessage>& messages,
                              const GenerateOptions& options) const;

  // All of them at the same time, as so many threads would call Generate; outcomes in order. Where
  // several are decoding, one pass over the weights serves the next token of each, whatever their
  // adapters, and each text is what Generate gives. on_text is called from other threads, for one
  // request by one thread at a time.
  std::vector<Result<GenerateResult>> GenerateTogether(
      const std::vector<GenerateOptions>& requests) const;

  // Writes the prompt cache into the attached home, encrypted with its key, in place of what was
  // there for this model; LoadPromptCache takes it up again. Both give the number of bytes. kUsage
  // without a home, kIo, kAuth if the file is damaged or was tampered with.
  Result<int64_t> SavePromptCache() const;
  Result<int64_t> LoadPromptCache();

  Result<EvalResult> Eval(const EvalOptions& options) const;

  Result<std::vector<int32_t>> Tokenize(std::string_view text, bool add_bos,
                                        bool parse_special) const;
  Result<std::string> Detokenize(const std::vector<int32_t>& ids) const;
  // [vocab] after the last id or, with all, [ids.size(), vocab] row-major; float32.
  Result<std::vector<float>> Logits(const std::vector<int32_t>& ids,
                                    const std::vector<LoraFile>& lora, bool all) const;

  struct Impl;
  Impl* impl() const { return impl_.get(); }

 private:
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvedge
