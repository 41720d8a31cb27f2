#include <algorithm>
#include <chrono>
#include <limits>
#include <span>
#include <utility>

#include "inference/chat_template.h"
#include "inference/session/sampler.h"
#include "inference/session/session.h"
#include "sdk/engine_impl.h"
#include "sdk/engine_text_stream.h"

namespace selvedge {
namespace {

using Clock = std::chrono::steady_clock;

// Prompt tokens between two looks at the cancel flag.
constexpr size_t kPrefillChunk = 256;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool Cancelled(const GenerateOptions& options) {
  return options.cancel != nullptr && options.cancel->load();
}

Status CheckLengths(const GenerateOptions& options, const inference::ModelConfig& config) {
  if (options.n_predict < -1) {
    return UsageError("generate: n_predict " + std::to_string(options.n_predict) +
                      ", -1 (to the end), 0 or more are allowed");
  }
  if (options.n_ctx < 0 || options.n_ctx > config.n_ctx) {
    return UsageError("generate: n_ctx " + std::to_string(options.n_ctx) + ", 0 to " +
                      std::to_string(config.n_ctx) +
                      " (what the model was trained for) are allowed");
  }
  return OkStatus();
}

// A prompt may have this many bytes per token of the context; a longer one is refused before any
// time goes into tokenizing it. The longest pieces of usual vocabularies have less than 64 bytes.
constexpr size_t kPromptBytesPerToken = 512;

Status PromptTooLong(const std::string& got, int64_t n_ctx) {
  return LimitError("prompt: " + got + ", the context has " + std::to_string(n_ctx) +
                    " tokens, one of which must be left");
}

// One generation: a session of its own, from prompt ids to the finished text.
class Generation {
 public:
  Generation(Engine::Impl& impl, const GenerateOptions& options)
      : impl_(impl),
        options_(options),
        start_(Clock::now()),
        stream_(options.stop, options.on_text) {}

  Result<GenerateResult> Run(std::vector<int32_t> ids, bool drop_leading_space) {
    drop_space_ = drop_leading_space;
    SELVEDGE_ASSIGN_OR_RETURN(auto set, impl_.Adapters(options_.adapter, options_.lora));
    SELVEDGE_ASSIGN_OR_RETURN(inference::Sampler sampler,
                              inference::Sampler::Create(options_.sampling));
    SELVEDGE_ASSIGN_OR_RETURN(
        session_, inference::Session::Create(impl_.model, set, impl_.pool, options_.n_ctx));
    const auto n_prompt = static_cast<int64_t>(ids.size());
    if (n_prompt >= session_->n_ctx()) {
      return PromptTooLong(std::to_string(n_prompt) + " tokens", session_->n_ctx());
    }
    history_ = std::move(ids);
    if (options_.ignore_eos) ListEndTokens();
    int64_t budget = session_->n_ctx() - n_prompt;
    if (options_.n_predict >= 0) budget = std::min(budget, options_.n_predict);
    SELVEDGE_RETURN_IF_ERROR(Prefill());
    SELVEDGE_RETURN_IF_ERROR(Decode(sampler, budget));
    stream_.Finish();
    result_.text = stream_.text();
    result_.prompt_tokens = n_prompt;
    result_.adapter_ids = set->ids();
    return std::move(result_);
  }

 private:
  Status Prefill() {
    const auto start = Clock::now();
    const std::span<const int32_t> ids(history_);
    for (size_t at = 0; at < ids.size() && !Cancelled(options_); at += kPrefillChunk) {
      const size_t n = std::min(kPrefillChunk, ids.size() - at);
      const bool last = at + n == ids.size();
      SELVEDGE_RETURN_IF_ERROR(
          session_->Append(ids.subspan(at, n), false, last ? &logits_ : nullptr));
    }
    result_.prompt_tokens_per_s = static_cast<double>(ids.size()) / SecondsSince(start);
    return OkStatus();
  }

  // Samples up to `budget` tokens and sets the counts, rates and the reason of the end.
  Status Decode(inference::Sampler& sampler, int64_t budget) {
    result_.finish_reason = "length";
    const size_t n_prompt = history_.size();
    auto first = Clock::now();
    while (result_.generated_tokens < budget) {
      if (Cancelled(options_)) {
        result_.finish_reason = "cancelled";
        break;
      }
      if (history_.size() > n_prompt) {
        SELVEDGE_RETURN_IF_ERROR(session_->Append({&history_.back(), 1}, false, &logits_));
      }
      SELVEDGE_ASSIGN_OR_RETURN(const int32_t id, Sample(sampler));
      if (result_.generated_tokens == 0 && history_.size() == n_prompt) {
        result_.first_token_ms = SecondsSince(start_) * 1000;
        first = Clock::now();
      }
      if (!options_.ignore_eos && impl_.tokenizer->IsEndOfGeneration(id)) {
        result_.finish_reason = "stop";
        break;
      }
      history_.push_back(id);
      ++result_.generated_tokens;
      if (!Emit(impl_.tokenizer->PieceBytes(id))) {
        result_.finish_reason = stream_.stopped() ? "stop" : "cancelled";
        break;
      }
    }
    // The first token comes out of the prompt's pass, so the rate is that of the others.
    if (result_.generated_tokens > 1) {
      result_.tokens_per_s =
          static_cast<double>(result_.generated_tokens - 1) / SecondsSince(first);
    }
    return OkStatus();
  }

  void ListEndTokens() {
    for (int32_t id = 0; id < impl_.tokenizer->vocab_size(); ++id) {
      if (impl_.tokenizer->IsEndOfGeneration(id)) never_.push_back(id);
    }
  }

  Result<int32_t> Sample(inference::Sampler& sampler) {
    for (const int32_t id : never_) {
      logits_[static_cast<size_t>(id)] = -std::numeric_limits<float>::infinity();
    }
    return sampler.Next(logits_, history_);
  }

  bool Emit(std::string_view piece) {
    if (drop_space_ && !piece.empty()) {
      if (piece.front() == ' ') piece.remove_prefix(1);
      drop_space_ = false;
    }
    return stream_.Push(piece);
  }

  Engine::Impl& impl_;
  const GenerateOptions& options_;
  Clock::time_point start_;
  TextStream stream_;
  bool drop_space_ = false;
  std::unique_ptr<inference::Session> session_;
  std::vector<int32_t> history_;  // prompt and what was generated
  std::vector<int32_t> never_;    // ids that are not drawn: with ignore_eos, those that end a text
  std::vector<float> logits_;
  GenerateResult result_;
};

}  // namespace

Result<GenerateResult> Engine::Generate(const GenerateOptions& options) const {
  const inference::ModelConfig& config = impl_->model->config();
  const inference::Tokenizer& tokenizer = *impl_->tokenizer;
  SELVEDGE_RETURN_IF_ERROR(CheckLengths(options, config));
  const int64_t n_ctx = options.n_ctx == 0 ? config.n_ctx : options.n_ctx;
  if (options.prompt.size() / kPromptBytesPerToken > static_cast<size_t>(n_ctx)) {
    return PromptTooLong(std::to_string(options.prompt.size()) + " bytes", n_ctx);
  }
  Generation generation(*impl_, options);
  SELVEDGE_ASSIGN_OR_RETURN(
      std::vector<int32_t> ids,
      tokenizer.Encode(options.prompt, tokenizer.adds_bos(), options.parse_special));
  if (ids.empty() && tokenizer.bos() >= 0) ids.push_back(tokenizer.bos());
  if (ids.empty()) {
    return UsageError("prompt: empty, this model has no token that starts a text by itself");
  }
  // The first word of a text carries the space that the vocabulary put before it.
  return generation.Run(std::move(ids), options.prompt.empty());
}

Result<GenerateResult> Engine::Chat(const std::vector<ChatMessage>& messages,
                                    const GenerateOptions& options) const {
  SELVEDGE_RETURN_IF_ERROR(CheckLengths(options, impl_->model->config()));
  Generation generation(*impl_, options);
  SELVEDGE_ASSIGN_OR_RETURN(const auto chat, inference::ChatTemplate::FromGguf(impl_->file()));
  SELVEDGE_ASSIGN_OR_RETURN(std::vector<int32_t> ids, chat.Encode(*impl_->tokenizer, messages));
  return generation.Run(std::move(ids), true);
}

}  // namespace selvedge
