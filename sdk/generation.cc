#include "sdk/generation.h"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "inference/grammar/json_schema.h"

namespace selvedge {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Null without a grammar.
Result<std::unique_ptr<inference::GrammarConstraint>> MakeConstraint(Engine::Impl& impl,
                                                                     const GenerateOptions& options,
                                                                     bool drop_space) {
  if (options.grammar.empty() && options.json_schema.empty()) {
    return std::unique_ptr<inference::GrammarConstraint>();
  }
  if (!options.grammar.empty() && !options.json_schema.empty()) {
    return UsageError("generate: a grammar and a JSON schema, only one of them is allowed");
  }
  std::string grammar = options.grammar;
  if (grammar.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(grammar, inference::GrammarOfJsonSchema(options.json_schema));
  }
  SELVEDGE_ASSIGN_OR_RETURN(auto network, inference::GrammarNetwork::FromGbnf(grammar));
  return std::make_unique<inference::GrammarConstraint>(
      std::make_shared<const inference::GrammarNetwork>(std::move(network)), impl.Tokens(),
      drop_space);
}

}  // namespace

Status PromptTooLong(const std::string& got, int64_t n_ctx) {
  return LimitError("prompt: " + got + ", the context has " + std::to_string(n_ctx) +
                    " tokens, one of which must be left");
}

Generation::Generation(Engine::Impl& impl, const GenerateOptions& options)
    : impl_(impl),
      options_(options),
      start_(Clock::now()),
      stream_(options.stop, options.on_text),
      pacer_(impl.power) {}

bool Generation::Cancelled() const { return options_.cancel != nullptr && options_.cancel->load(); }

Result<GenerateResult> Generation::Run(std::vector<int32_t> ids, bool drop_leading_space) {
  drop_space_ = drop_leading_space;
  SELVEDGE_ASSIGN_OR_RETURN(constraint_, MakeConstraint(impl_, options_, drop_leading_space));
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
  lookahead_ =
      std::make_unique<inference::Lookahead>(*session_, static_cast<size_t>(options_.draft_max));
  if (options_.ignore_eos) ListEndTokens();
  int64_t budget = session_->n_ctx() - n_prompt;
  if (options_.n_predict >= 0) budget = std::min(budget, options_.n_predict);
  SELVEDGE_RETURN_IF_ERROR(impl_.memory.CheckGeneration(*impl_.model, n_prompt + budget));
  SELVEDGE_RETURN_IF_ERROR(Prefill());
  SELVEDGE_RETURN_IF_ERROR(Decode(sampler, budget));
  stream_.Finish();
  result_.text = stream_.text();
  result_.prompt_tokens = n_prompt;
  result_.adapter_ids = set->ids();
  result_.drafted_tokens = lookahead_->guessed();
  result_.accepted_tokens = lookahead_->accepted();
  return std::move(result_);
}

// Reads the prompt, or what of it the prompt cache does not know.
Status Generation::Prefill() {
  const auto start = Clock::now();
  const std::span<const int32_t> ids(history_);
  const auto root =
      inference::PromptCache::RootOf(session_->adapters(), impl_.chat_template, session_->n_ctx());
  SELVEDGE_ASSIGN_OR_RETURN(result_.cached_tokens,
                            impl_.prompt_cache.Resume(root, ids, session_.get(), &first_));
  const auto cached = static_cast<size_t>(result_.cached_tokens);
  if (cached == ids.size()) return OkStatus();
  for (size_t at = cached; at < ids.size(); at += inference::PromptCache::kChunk) {
    if (Cancelled()) return OkStatus();
    const size_t n = std::min(inference::PromptCache::kChunk, ids.size() - at);
    const bool last = at + n == ids.size();
    SELVEDGE_RETURN_IF_ERROR(session_->Append(ids.subspan(at, n), false, last ? &first_ : nullptr));
  }
  result_.prompt_tokens_per_s = static_cast<double>(ids.size() - cached) / SecondsSince(start);
  impl_.prompt_cache.Keep(root, ids, session_.get(), first_);
  return OkStatus();
}

bool Generation::Complete() const { return constraint_ != nullptr && constraint_->finished(); }

// Samples up to `budget` tokens and sets the counts, rates and the reason of the end.
Status Generation::Decode(inference::Sampler& sampler, int64_t budget) {
  result_.finish_reason = "length";
  auto first = Clock::now();
  while (result_.generated_tokens < budget && !Complete()) {
    if (Cancelled()) {
      result_.finish_reason = "cancelled";
      break;
    }
    const auto before = Clock::now();
    SELVEDGE_ASSIGN_OR_RETURN(const int32_t id, Next(sampler, budget - result_.generated_tokens));
    const auto now = Clock::now();
    std::this_thread::sleep_for(pacer_.RestAfter(now - before, now));
    if (result_.generated_tokens == 0) {
      result_.first_token_ms = SecondsSince(start_) * 1000;
      first = Clock::now();
    }
    if (!options_.ignore_eos && impl_.tokenizer->IsEndOfGeneration(id)) {
      result_.finish_reason = "stop";
      break;
    }
    history_.push_back(id);
    ++result_.generated_tokens;
    if (constraint_ != nullptr) SELVEDGE_RETURN_IF_ERROR(constraint_->Accept(id));
    if (!Emit(impl_.tokenizer->PieceBytes(id))) {
      result_.finish_reason = stream_.stopped() ? "stop" : "cancelled";
      break;
    }
  }
  if (result_.finish_reason == "length" && Complete()) result_.finish_reason = "stop";
  // The first token comes out of the prompt's pass, so the rate is that of the others.
  if (result_.generated_tokens > 1) {
    result_.tokens_per_s = static_cast<double>(result_.generated_tokens - 1) / SecondsSince(first);
  }
  return OkStatus();
}

void Generation::ListEndTokens() {
  for (int32_t id = 0; id < impl_.tokenizer->vocab_size(); ++id) {
    if (impl_.tokenizer->IsEndOfGeneration(id)) never_.push_back(id);
  }
}

// The next token, when `left` may still come.
Result<int32_t> Generation::Next(inference::Sampler& sampler, int64_t left) {
  std::span<float> logits(first_);
  if (result_.generated_tokens > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(logits, lookahead_->After(history_, static_cast<size_t>(left - 1)));
  }
  for (const int32_t id : never_) {
    logits[static_cast<size_t>(id)] = -std::numeric_limits<float>::infinity();
  }
  if (constraint_ != nullptr) SELVEDGE_RETURN_IF_ERROR(constraint_->Exclude(logits));
  return sampler.Next(logits, history_);
}

bool Generation::Emit(std::string_view piece) {
  if (drop_space_ && !piece.empty()) {
    if (piece.front() == ' ') piece.remove_prefix(1);
    drop_space_ = false;
  }
  return stream_.Push(piece);
}

}  // namespace selvedge
