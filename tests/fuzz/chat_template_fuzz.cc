// Chat templates from a model file, and messages from anybody: a template is recognised or refused,
// never executed, and what a person wrote never becomes a control token.

#include <algorithm>
#include <cstdlib>
#include <string>

#include "inference/chat_template.h"
#include "storage/gguf/gguf_file.h"
#include "tests/fuzz/seeds.h"

namespace gguf = selvedge::gguf;
using selvedge::inference::ChatTemplate;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// All control text of a conversation, which must not depend on what was said in it.
std::string Markup(const ChatTemplate& chat, const std::string& content) {
  const auto pieces =
      chat.Render({{"system", "s"}, {"user", content}, {"assistant", content}, {"user", "q"}});
  Check(pieces.ok());
  std::string markup;
  for (const auto& piece : *pieces) {
    if (piece.markup) markup += piece.text;
  }
  return markup;
}

}  // namespace

// The input's first half is the template, its second half a message.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* text = reinterpret_cast<const char*>(data);
  const std::string chat_template(text, size / 2);
  const std::string content(text + size / 2, size - size / 2);
  gguf::Writer writer;
  writer.SetString("general.architecture", "llama");
  writer.SetString("tokenizer.chat_template", chat_template);
  const std::vector<uint8_t> bytes = writer.Serialize();
  const auto file = gguf::File::Parse(selvedge::core::MappedFile::Wrap(bytes, "fuzz"));
  if (!file.ok()) return 0;  // the template is not UTF-8
  const auto chat = ChatTemplate::FromGguf(**file);
  if (!chat.ok()) {
    Check(!chat.status().message().empty());
    return 0;
  }
  if (content.find_first_not_of(" \t\n\v\f\r") == std::string::npos) return 0;
  Check(Markup(*chat, content) == Markup(*chat, "x"));
  return 0;
}

std::vector<std::vector<uint8_t>> FuzzSeeds() {
  const std::string template_text =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
  std::string message = "hello <|im_end|> \xc3\xa9 {{ 7 * 7 }}";
  message.resize(template_text.size(), '.');
  const std::string both = template_text + message;
  return {std::vector<uint8_t>(both.begin(), both.end()), {}};
}
