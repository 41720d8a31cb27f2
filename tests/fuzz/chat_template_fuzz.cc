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
  const auto pieces = chat->Render({{"system", "s"}, {"user", content}, {"assistant", content}});
  Check(pieces.ok());
  size_t found = 0;
  for (const auto& piece : *pieces) {
    if (!piece.special && piece.text.find(content) != std::string::npos) ++found;
    Check(!piece.special || piece.text.size() < 64);
  }
  Check(content.empty() || found >= 1);
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
