#include "sdk/memory_budget.h"

#include <filesystem>
#include <thread>

#include "inference/session/decoder.h"
#include "inference/session/kv_cache.h"
#include "models/default/default_model.h"

namespace selvedge {
namespace {

// The program itself, its libraries, home and database: an estimate, not a measurement.
constexpr uint64_t kProgramBytes = uint64_t{24} << 20;
// Of a token of the vocabulary: its text, its entries in the tables that text is looked up in.
constexpr uint64_t kTokenBytes = 400;

uint64_t MiB(uint64_t bytes) { return (bytes + (uint64_t{1} << 20) - 1) >> 20; }

// Activations of one chunk, their rounded copies and the logits of a few rows.
uint64_t BufferBytes(const inference::ModelConfig& config, uint64_t threads) {
  const uint64_t heads = uint64_t{config.n_heads} * config.head_dim;
  const uint64_t kv = uint64_t{config.n_kv_heads} * config.head_dim;
  const uint64_t row = 3 * uint64_t{config.n_embd} + 2 * heads + 2 * kv + 2 * uint64_t{config.n_ff};
  const uint64_t rounded = 2 * uint64_t{config.n_ff} * threads;
  const uint64_t logits = uint64_t{config.n_vocab} * 16 * sizeof(float);
  return inference::Decoder::kMaxChunk * (row * sizeof(float) + rounded) + logits;
}

}  // namespace

MemoryBudget::MemoryBudget(const EngineOptions& options)
    : limit_(static_cast<uint64_t>(options.memory_limit_mb) << 20),
      prompt_cache_(static_cast<uint64_t>(options.prompt_cache_mb) << 20),
      threads_(options.threads > 0 ? static_cast<uint64_t>(options.threads)
                                   : std::max(1u, std::thread::hardware_concurrency())),
      taken_(std::make_shared<std::atomic<uint64_t>>(0)) {}

Status MemoryBudget::CheckFile(const std::string& model_path) const {
  if (limit_ == 0) return OkStatus();
  std::error_code ec;
  const uint64_t file =
      model_path.empty() ? DefaultModelBytes().size() : std::filesystem::file_size(model_path, ec);
  if (ec) return OkStatus();  // opening it says what is wrong
  const uint64_t needed = file + kProgramBytes;
  if (needed <= limit_) return OkStatus();
  return LimitError("memory limit: the model needs at least " + std::to_string(MiB(needed)) +
                    " MiB, " + std::to_string(MiB(limit_)) + " MiB are allowed");
}

Result<MemoryBudget::Share> MemoryBudget::Take(const inference::Model& model, core::DType kv_type,
                                               int64_t positions) {
  if (limit_ == 0) return Share();
  const inference::ModelConfig& config = model.config();
  const uint64_t file = model.file().bytes().bytes().size();
  const uint64_t kv =
      inference::KvCache::BytesFor(config, kv_type, static_cast<uint64_t>(positions));
  const uint64_t rest =
      kProgramBytes + config.n_vocab * kTokenBytes + BufferBytes(config, threads_);
  const uint64_t needed = file + kv + prompt_cache_ + rest;
  if (needed <= limit_) {
    Share share(&limit_, [taken = taken_, kv](const void*) { *taken -= kv; });
    if ((*taken_ += kv) <= limit_ - (needed - kv)) return share;
    return BusyError("memory limit: no room beside the generations under way, try again later");
  }
  return LimitError("memory limit: a text of " + std::to_string(positions) + " tokens needs " +
                    std::to_string(MiB(needed)) + " MiB (model " + std::to_string(MiB(file)) +
                    ", keys and values " + std::to_string(MiB(kv)) + ", prompt cache " +
                    std::to_string(MiB(prompt_cache_)) + ", other " + std::to_string(MiB(rest)) +
                    "), " + std::to_string(MiB(limit_)) + " MiB are allowed");
}

}  // namespace selvedge
