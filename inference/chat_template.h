#pragma once
// Renders chat messages in the form that the model was trained on.

#include <string>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/status.h>

#include "inference/tokenizer/tokenizer.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

// A stretch of a rendered chat. Special pieces name control tokens; the others are text, whatever
// they spell, and are encoded without looking for control tokens in them.
struct ChatPiece {
  std::string text;
  bool special = false;
};

// Templates are recognised, never executed: `tokenizer.chat_template` that mentions "<|im_start|>"
// is ChatML.
class ChatTemplate {
 public:
  // kIncompatible for a model without a chat template or with an unknown one; kLimit for one over
  // 1 MiB.
  static Result<ChatTemplate> FromGguf(const gguf::File& file);

  // The messages, then the opening of the assistant's turn. kUsage for no messages, or a role other
  // than system, user and assistant.
  Result<std::vector<ChatPiece>> Render(const std::vector<ChatMessage>& messages) const;

  // Token ids of the rendered messages, after <s> if the tokenizer adds one. kIncompatible if the
  // vocabulary lacks a control token of the template.
  Result<std::vector<int32_t>> Encode(const Tokenizer& tokenizer,
                                      const std::vector<ChatMessage>& messages) const;

 private:
  ChatTemplate() = default;
};

}  // namespace selvedge::inference
