// Vocabularies from anywhere, and texts from anybody on the embedded one. An input that is a GGUF
// file is taken for a vocabulary, everything else for a text.

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "inference/tokenizer/tokenizer.h"
#include "models/default/default_model.h"
#include "storage/gguf/gguf_file.h"
#include "tests/fuzz/seeds.h"

namespace core = selvedge::core;
namespace gguf = selvedge::gguf;
using selvedge::inference::Tokenizer;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

const Tokenizer& Embedded() {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    auto file =
        gguf::File::Parse(core::MappedFile::Wrap(selvedge::DefaultModelBytes(), "embedded"));
    Check(file.ok());
    auto made = Tokenizer::FromGguf(**file);
    Check(made.ok());
    return std::move(made).value();
  }();
  return *tokenizer;
}

void CheckEncoding(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool parse_special : {false, true}) {
    const auto ids = tokenizer.Encode(text, false, parse_special);
    if (!ids.ok()) {
      Check(!ids.status().message().empty());
      continue;
    }
    for (const int32_t id : *ids) {
      Check(id >= 0 && id < tokenizer.vocab_size());
      // Text is text: what ends a generation never comes out of it.
      Check(parse_special || !tokenizer.IsEndOfGeneration(id));
      (void)tokenizer.PieceBytes(id);
    }
    (void)tokenizer.Decode(*ids);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!text.starts_with("GGUF")) {
    CheckEncoding(Embedded(), text);
    return 0;
  }
  const auto file = gguf::File::Parse(core::MappedFile::Wrap({data, size}, "fuzz"));
  if (!file.ok()) return 0;
  const auto tokenizer = Tokenizer::FromGguf(**file);
  if (tokenizer.ok()) {
    CheckEncoding(**tokenizer, "a b\xff <s> \xc3\xa9\n");
  } else {
    Check(!tokenizer.status().message().empty());
  }
  return 0;
}

std::vector<std::vector<uint8_t>> FuzzSeeds() {
  gguf::Writer writer;
  writer.SetString("general.architecture", "llama");
  writer.SetString("tokenizer.ggml.model", "llama");
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types = {2, 3, 3};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    tokens.emplace_back(name);
    types.push_back(6);
  }
  for (const char* piece : {"\xe2\x96\x81", "a", "b",
                            "\xe2\x96\x81"
                            "a"}) {
    tokens.emplace_back(piece);
    types.push_back(1);
  }
  std::vector<float> scores;
  for (size_t i = 0; i < tokens.size(); ++i) scores.push_back(-static_cast<float>(i));
  writer.SetStrings("tokenizer.ggml.tokens", tokens);
  writer.SetF32s("tokenizer.ggml.scores", scores);
  writer.SetI32s("tokenizer.ggml.token_type", types);
  writer.SetU32("tokenizer.ggml.bos_token_id", 1);
  writer.SetU32("tokenizer.ggml.eos_token_id", 2);
  const std::string text = "Dear Ann, <s> the tide was high </s> \xf0\x9f\x8c\x8a and 3.14\n";
  return {writer.Serialize(), std::vector<uint8_t>(text.begin(), text.end())};
}
