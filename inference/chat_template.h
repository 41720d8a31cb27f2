#pragma once
// Renders chat messages in the form that the model was trained on.

#include <string>
#include <string_view>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/status.h>

#include "inference/tokenizer/tokenizer.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

// A stretch of a rendered chat. Control tokens are looked for in markup, which the template wrote;
// what a message says is text, whatever it spells.
struct ChatPiece {
  std::string text;
  bool markup = false;
};

struct TurnFormat;  // one form of chat, in chat_formats.h

// Templates are recognised by the control texts they mention, never executed: ChatML, Llama-3,
// Gemma, Mistral, Phi-3 and Zephyr.
class ChatTemplate {
 public:
  // kIncompatible for a model without a chat template or with an unknown one; kLimit for one over
  // 1 MiB.
  static Result<ChatTemplate> FromGguf(const gguf::File& file);

  // "ChatML", "Llama-3", ...
  std::string_view name() const;

  // The messages, then the opening of the assistant's turn. kUsage for no messages, or a role other
  // than system, user and assistant. Forms without a system role put its text before the next
  // user's.
  Result<std::vector<ChatPiece>> Render(const std::vector<ChatMessage>& messages) const;

  // Token ids of the rendered messages, after <s> if the tokenizer adds one. kIncompatible if the
  // vocabulary lacks a control token of the template.
  Result<std::vector<int32_t>> Encode(const Tokenizer& tokenizer,
                                      const std::vector<ChatMessage>& messages) const;

 private:
  explicit ChatTemplate(const TurnFormat* format) : format_(format) {}
  const TurnFormat* format_;
};

}  // namespace selvedge::inference
