#include "inference/chat_template.h"

namespace selvedge::inference {
namespace {

constexpr const char* kTemplateKey = "tokenizer.chat_template";
constexpr size_t kMaxTemplateBytes = size_t{1} << 20;
constexpr const char* kTurnStart = "<|im_start|>";
constexpr const char* kTurnEnd = "<|im_end|>";

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
  if (text.find(kTurnStart) == text.npos) {
    return IncompatibleError(
        "model file: tokenizer.chat_template: unknown form, ChatML (<|im_start|>) supported; "
        "write the turns out in a plain prompt with special tokens parsed instead");
  }
  return ChatTemplate();
}

// Source: ChatML as models publish it in their templates:
//   <|im_start|>ROLE\nCONTENT<|im_end|>\n ... <|im_start|>assistant\n
Result<std::vector<ChatPiece>> ChatTemplate::Render(
    const std::vector<ChatMessage>& messages) const {
  if (messages.empty()) return UsageError("chat: no messages, at least 1 needed");
  std::vector<ChatPiece> pieces;
  for (size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      return UsageError("chat: message " + std::to_string(i) +
                        ": unknown role, 'system', 'user' or 'assistant' allowed");
    }
    pieces.push_back({kTurnStart, true});
    pieces.push_back({message.role + "\n" + message.content, false});
    pieces.push_back({kTurnEnd, true});
    pieces.push_back({"\n", false});
  }
  pieces.push_back({kTurnStart, true});
  pieces.push_back({"assistant\n", false});
  return pieces;
}

Result<std::vector<int32_t>> ChatTemplate::Encode(const Tokenizer& tokenizer,
                                                  const std::vector<ChatMessage>& messages) const {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<ChatPiece> pieces, Render(messages));
  std::vector<int32_t> ids;
  if (tokenizer.adds_bos() && tokenizer.bos() >= 0) ids.push_back(tokenizer.bos());
  for (const ChatPiece& piece : pieces) {
    if (piece.special) {
      const int32_t id = tokenizer.FindSpecial(piece.text);
      if (id < 0) {
        return IncompatibleError("vocabulary: control token '" + piece.text +
                                 "' of the chat template: missing");
      }
      ids.push_back(id);
      continue;
    }
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<int32_t> text,
                              tokenizer.Encode(piece.text, false, false));
    ids.insert(ids.end(), text.begin(), text.end());
  }
  return ids;
}

}  // namespace selvedge::inference
