#include "inference/chat_template.h"

#include <algorithm>

#include "inference/chat_formats.h"
#include "inference/tokenizer/special_text.h"

namespace selvedge::inference {
namespace {

constexpr const char* kTemplateKey = "tokenizer.chat_template";
constexpr size_t kMaxTemplateBytes = size_t{1} << 20;
constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";

std::string_view DropLeadingSpace(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kWhiteSpace), text.size()));
}

std::string_view Trim(std::string_view text) {
  return DropLeadingSpace(text.substr(0, text.find_last_not_of(kWhiteSpace) + 1));
}

// Writes turns of one form.
class Writer {
 public:
  explicit Writer(const TurnFormat& format) : format_(format) {}

  Status Add(const ChatMessage& message, size_t index) {
    const std::string content(format_.trims ? Trim(message.content) : message.content);
    if (message.role == "system") {
      if (format_.system.empty()) {
        pending_system_ += content + "\n\n";
      } else {
        Turn(format_.system, content);
      }
    } else if (message.role == "user") {
      Turn(format_.user, pending_system_ + content);
      pending_system_.clear();
    } else if (message.role == "assistant") {
      Answer(content);
    } else {
      return UsageError("chat: message " + std::to_string(index) +
                        ": unknown role, 'system', 'user' or 'assistant' allowed");
    }
    return OkStatus();
  }

  // A system text that no user followed, then the opening of the assistant's turn.
  std::vector<ChatPiece> Finish() {
    if (!pending_system_.empty()) Turn(format_.user, std::string(Trim(pending_system_)));
    if (!format_.marks_users_only) Open(format_.assistant);
    return std::move(pieces_);
  }

 private:
  void Open(std::string_view role) {
    Markup(std::string(format_.before_role) + std::string(role) + std::string(format_.after_role));
  }
  void Turn(std::string_view role, const std::string& content) {
    Open(role);
    pieces_.push_back({content, false});
    Markup(format_.end);
  }
  void Answer(const std::string& content) {
    if (!format_.marks_users_only) return Turn(format_.assistant, content);
    Markup(format_.before_answer);
    pieces_.push_back({content, false});
    Markup(format_.after_answer);
  }
  void Markup(std::string_view text) {
    if (!text.empty()) pieces_.push_back({std::string(text), true});
  }

  const TurnFormat& format_;
  std::string pending_system_;
  std::vector<ChatPiece> pieces_;
};

// Ids of the pieces. Text between two control tokens is encoded at once, wherever it comes from,
// as it would be in a whole prompt.
class Encoder {
 public:
  explicit Encoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  Status Add(const ChatPiece& piece, const SpecialTextSplitter& splitter) {
    if (!piece.markup) {
      text_ += piece.text;
      return OkStatus();
    }
    for (const TextFragment& fragment : splitter.Split(piece.text)) {
      if (fragment.id < 0) {
        text_ += fragment.text;
        continue;
      }
      SELVEDGE_RETURN_IF_ERROR(FlushText());
      ids_.push_back(fragment.id);
    }
    return OkStatus();
  }

  Result<std::vector<int32_t>> Finish() {
    SELVEDGE_RETURN_IF_ERROR(FlushText());
    return std::move(ids_);
  }

  void AddStart() {
    if (tokenizer_.adds_bos() && tokenizer_.bos() >= 0) ids_.push_back(tokenizer_.bos());
  }

 private:
  Status FlushText() {
    std::string_view text = text_;
    if (!ids_.empty() && tokenizer_.vocabulary().drops_space_after.contains(ids_.back())) {
      text = DropLeadingSpace(text);
    }
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                              tokenizer_.Encode(text, /*add_bos=*/false, /*parse_special=*/false));
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    text_.clear();
    return OkStatus();
  }

  const Tokenizer& tokenizer_;
  std::string text_;  // not encoded yet
  std::vector<int32_t> ids_;
};

}  // namespace

Result<ChatTemplate> ChatTemplate::FromGguf(const gguf::File& file) {
  if (!file.Has(kTemplateKey)) {
    return IncompatibleError(
        "model file: tokenizer.chat_template: missing, so the model takes no chat messages; "
        "generate from a plain prompt instead");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string text, file.GetString(kTemplateKey));
  if (text.size() > kMaxTemplateBytes) {
    return LimitError("model file: tokenizer.chat_template: " + std::to_string(text.size()) +
                      " bytes, at most " + std::to_string(kMaxTemplateBytes) + " allowed");
  }
  const TurnFormat* format = RecogniseTemplate(text);
  if (format == nullptr) {
    return IncompatibleError(
        "model file: tokenizer.chat_template: unknown form, ChatML, Llama-3, Gemma, Mistral (to "
        "v3), Phi-3 and Zephyr supported; write the turns out in a plain prompt with special "
        "tokens parsed instead");
  }
  return ChatTemplate(format);
}

std::string_view ChatTemplate::name() const { return format_->name; }

Result<std::vector<ChatPiece>> ChatTemplate::Render(
    const std::vector<ChatMessage>& messages) const {
  if (messages.empty()) return UsageError("chat: no messages, at least 1 needed");
  Writer writer(*format_);
  for (size_t i = 0; i < messages.size(); ++i) {
    SELVEDGE_RETURN_IF_ERROR(writer.Add(messages[i], i));
  }
  return writer.Finish();
}

Result<std::vector<int32_t>> ChatTemplate::Encode(const Tokenizer& tokenizer,
                                                  const std::vector<ChatMessage>& messages) const {
  for (const std::string_view token : format_->required) {
    if (token.empty() || tokenizer.FindSpecial(token) >= 0) continue;
    return IncompatibleError("vocabulary: control token '" + std::string(token) +
                             "' of the chat template: missing");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<ChatPiece> pieces, Render(messages));
  const SpecialTextSplitter splitter(tokenizer.vocabulary().specials);
  Encoder encoder(tokenizer);
  encoder.AddStart();
  for (const ChatPiece& piece : pieces) {
    SELVEDGE_RETURN_IF_ERROR(encoder.Add(piece, splitter));
  }
  return encoder.Finish();
}

}  // namespace selvedge::inference
