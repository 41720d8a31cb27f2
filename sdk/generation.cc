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
  SELVEDGE_ASSIGN_OR_RETURN(const core::DType kv_type, inference::FindKvType(options_.kv_type));
  SELVEDGE_ASSIGN_OR_RETURN(
      session_, inference::Session::Create(impl_.model, set, impl_.pool, options_.n_ctx, kv_type));
  n_prompt_ = ids.size();
  const auto n_prompt = static_cast<int64_t>(n_prompt_);
  if (n_prompt >= session_->n_ctx()) {
    return PromptTooLong(std::to_string(n_prompt) + " tokens", session_->n_ctx());
  }
  history_ = std::move(ids);
  if (options_.ignore_eos) ListEndTokens();
  const int64_t room = session_->n_ctx() - n_prompt;
  int64_t budget = options_.context_shift ? std::numeric_limits<int64_t>::max() : room;
  if (options_.n_predict >= 0) budget = std::min(budget, options_.n_predict);
  SELVEDGE_ASSIGN_OR_RETURN(
      memory_, impl_.memory.Take(*impl_.model, kv_type, n_prompt + std::min(budget, room)));
  SELVEDGE_RETURN_IF_ERROR(Prefill());
  StartDecoding();
  SELVEDGE_RETURN_IF_ERROR(Decode(sampler, budget));
  StopDecoding();
  stream_.Finish();
  result_.text = stream_.text();
  result_.prompt_tokens = n_prompt;
  result_.adapter_ids = set->ids();
  return std::move(result_);
}

// From now on its steps are taken together with those of other generations.
void Generation::StartDecoding() {
  member_ = std::make_unique<JointDecoding::Member>(impl_.joint, *session_);
  lookahead_ = std::make_unique<inference::Lookahead>(
      *session_, static_cast<size_t>(options_.draft_max),
      [this](std::span<const int32_t> tokens, std::vector<float>* logits) {
        return member_->Append(tokens, logits);
      });
}

void Generation::StopDecoding() {
  result_.drafted_tokens += lookahead_->guessed();
  result_.accepted_tokens += lookahead_->accepted();
  lookahead_ = nullptr;
  member_ = nullptr;
}

// Reads the prompt, or what of it the prompt cache does not know.
Status Generation::Prefill() {
  const auto start = Clock::now();
  const std::span<const int32_t> ids(history_);
  const auto root = inference::PromptCache::RootOf(session_->adapters(), impl_.chat_template,
                                                   session_->n_ctx(), session_->kv_type());
  SELVEDGE_ASSIGN_OR_RETURN(result_.cached_tokens,
                            impl_.prompt_cache.Resume(root, ids, session_.get(), &first_));
  const auto cached = static_cast<size_t>(result_.cached_tokens);
  just_read_ = true;
  if (cached == ids.size()) return OkStatus();
  SELVEDGE_RETURN_IF_ERROR(Read(ids, cached, [&](std::span<const int32_t> read) {
    impl_.prompt_cache.Keep(root, read, session_.get(), first_);
  }));
  result_.prompt_tokens_per_s = static_cast<double>(ids.size() - cached) / SecondsSince(start);
  return OkStatus();
}

// Runs the tokens after the first `known`, up to a cancellation; first_ are the logits after the
// last. `done` is told what was read after each piece.
Status Generation::Read(std::span<const int32_t> ids, size_t known,
                        const std::function<void(std::span<const int32_t>)>& done) {
  first_.clear();
  for (size_t at = known; at < ids.size() && !Cancelled(); at += inference::PromptCache::kChunk) {
    const size_t n = std::min(inference::PromptCache::kChunk, ids.size() - at);
    const bool last = at + n == ids.size();
    SELVEDGE_RETURN_IF_ERROR(session_->Append(ids.subspan(at, n), false, last ? &first_ : nullptr));
    done(ids.first(at + n));
  }
  return OkStatus();
}

// Forgets the older half of what need not be kept and reads the rest as a text of its own.
// Why the beginning is kept: Xiao et al. 2023, "Efficient Streaming Language Models with Attention
// Sinks", section 3.2. Keys are not rotated to new positions in place: they would still be those of
// a text that is gone, and local layers have given up the oldest.
Status Generation::ShiftContext() {
  StopDecoding();
  const size_t keep = options_.n_keep < 0 ? n_prompt_ : static_cast<size_t>(options_.n_keep);
  const size_t kept = std::min(keep, history_.size() / 2);
  const auto from = history_.begin() + static_cast<std::ptrdiff_t>(kept);
  history_.erase(from, from + static_cast<std::ptrdiff_t>((history_.size() - kept + 1) / 2));
  SELVEDGE_RETURN_IF_ERROR(session_->Rewind(0));
  SELVEDGE_RETURN_IF_ERROR(Read(history_, 0, [](std::span<const int32_t>) {}));
  just_read_ = true;
  ++result_.context_shifts;
  StartDecoding();
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
    if (history_.size() == static_cast<size_t>(session_->n_ctx())) {
      SELVEDGE_RETURN_IF_ERROR(ShiftContext());
      continue;  // cancelled meanwhile, perhaps
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
  result_.context_full = result_.finish_reason == "length" && budget != options_.n_predict;
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
  if (!just_read_) {
    const auto room = static_cast<size_t>(session_->n_ctx()) - history_.size();
    SELVEDGE_ASSIGN_OR_RETURN(
        logits, lookahead_->After(history_, std::min(static_cast<size_t>(left - 1), room)));
  }
  just_read_ = false;
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
