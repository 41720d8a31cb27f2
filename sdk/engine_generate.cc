#include <utility>

#include "inference/chat_template.h"
#include "sdk/generation.h"

namespace selvedge {
namespace {

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
  if (options.n_keep < -1) {
    return UsageError("generate: n_keep " + std::to_string(options.n_keep) +
                      ", -1 (the prompt), 0 or more are allowed");
  }
  constexpr int kMostDraft = inference::Session::kMostAlone - 1;
  if (options.draft_max < 0 || options.draft_max > kMostDraft) {
    return UsageError("generate: draft_max " + std::to_string(options.draft_max) + ", 0 to " +
                      std::to_string(kMostDraft) + " are allowed");
  }
  return OkStatus();
}

// A prompt may have this many bytes per token of the context; a longer one is refused before any
// time goes into tokenizing it. The longest pieces of usual vocabularies have less than 64 bytes.
constexpr size_t kPromptBytesPerToken = 512;

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
