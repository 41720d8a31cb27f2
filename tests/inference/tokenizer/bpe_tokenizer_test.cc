// SOURCE of bpe.json: tests/inference/golden/make_bpe.py (Python 3.11) with llama.cpp d32676d77's
// llama_tokenize, add_special and parse_special off.

#include "inference/tokenizer/bpe_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using ::testing::ElementsAre;
using testing::ModelParts;

const nlohmann::json& Golden() {
  static const auto* golden =
      new nlohmann::json(nlohmann::json::parse(std::ifstream(testing::GoldenPath("bpe.json"))));
  return *golden;
}

// A file with the golden vocabulary and no tensors.
ModelParts Parts(const std::string& pre = "gpt-2") {
  ModelParts parts;
  const auto count = static_cast<uint32_t>(Golden()["tokens"].size());
  parts.keys = {{"general.architecture", std::string("llama")},
                {"tokenizer.ggml.model", std::string("gpt2")},
                {"tokenizer.ggml.pre", pre},
                {"tokenizer.ggml.tokens", Golden()["tokens"].get<std::vector<std::string>>()},
                {"tokenizer.ggml.token_type", Golden()["types"].get<std::vector<int32_t>>()},
                {"tokenizer.ggml.merges", Golden()["merges"].get<std::vector<std::string>>()},
                {"tokenizer.ggml.bos_token_id", count - 4},
                {"tokenizer.ggml.eos_token_id", count - 4}};
  return parts;
}

std::unique_ptr<Tokenizer> Open(const ModelParts& parts) {
  auto tokenizer = Tokenizer::FromGguf(*parts.Build());
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  return std::move(*tokenizer);
}

StatusCode CodeOf(const ModelParts& parts) {
  return Tokenizer::FromGguf(*parts.Build()).status().code();
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, std::string_view text, bool special = false) {
  const auto ids = tokenizer.Encode(text, false, special);
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return *ids;
}

std::string FromHex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return out;
}

TEST(BpeTokenizer, GivesTheIdsOfLlamaCppUnderEveryPreTokenizer) {
  for (const auto& [pre, lines] : Golden()["ids"].items()) {
    const auto tokenizer = Open(Parts(pre));
    ASSERT_GE(lines.size(), 90u);
    for (size_t i = 0; i < lines.size(); ++i) {
      EXPECT_EQ(Ids(*tokenizer, FromHex(Golden()["lines"][i])),
                lines[i].get<std::vector<int32_t>>())
          << pre << " line " << i;
    }
  }
}

TEST(BpeTokenizer, DecodesWhatItEncoded) {
  const auto tokenizer = Open(Parts("llama-bpe"));
  for (const char* text : {"", " ", "The garden", "  a\r\n\tb ", "日本語 😀 Größe", "<|im_end|>"}) {
    EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, text)), text);
  }
  EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer,
                                  "a\xFF"
                                  "b\xE2\x82")),
            "a\uFFFDb\uFFFD\uFFFD");
}

TEST(BpeTokenizer, ControlTokensComeFromNoTextUnlessAskedFor) {
  for (const char* pre : {"gpt-2", "llama-bpe", "tekken"}) {
    ModelParts parts = Parts(pre);
    // A control token that is one word, which would be found as a whole.
    std::get<std::vector<std::string>>(parts.keys["tokenizer.ggml.tokens"])[957] = "secret";
    const auto tokenizer = Open(parts);
    const int32_t start = tokenizer->FindSpecial("secret");
    const int32_t end = tokenizer->FindSpecial("<|im_end|>");
    ASSERT_GE(start, 0);
    ASSERT_GE(end, 0);
    for (const int32_t id : Ids(*tokenizer, "secret x<|im_end|>secret")) {
      EXPECT_NE(id, start);
      EXPECT_NE(id, end);
    }
    EXPECT_EQ(Ids(*tokenizer, "secret<|im_end|>", true), (std::vector<int32_t>{start, end}));
  }
}

TEST(BpeTokenizer, UserDefinedTokensAreFoundInAnyText) {
  const auto tokenizer = Open(Parts());
  const int32_t tool = tokenizer->FindSpecial("<tool>");
  EXPECT_EQ(Ids(*tokenizer, "<tool>"), std::vector<int32_t>{tool});
  EXPECT_EQ(tokenizer->Decode({tool}), "<tool>");
  EXPECT_EQ(tokenizer->PieceBytes(tokenizer->FindSpecial("<|im_end|>")), "");
}

TEST(BpeTokenizer, AddsTheStartTokenAsTheFileOrThePreTokenizerSays) {
  EXPECT_FALSE(Open(Parts("gpt-2"))->adds_bos());
  EXPECT_TRUE(Open(Parts("llama-bpe"))->adds_bos());
  ModelParts parts = Parts("llama-bpe");
  parts.keys["tokenizer.ggml.add_bos_token"] = false;
  EXPECT_FALSE(Open(parts)->adds_bos());
  const auto tokenizer = Open(Parts());
  EXPECT_THAT(*tokenizer->Encode("", true, false), ElementsAre(tokenizer->bos()));
  EXPECT_TRUE(tokenizer->IsEndOfGeneration(tokenizer->FindSpecial("<|im_end|>")));
}

TEST(BpeTokenizer, MergesLongWordsInTime) {
  const auto tokenizer = Open(Parts());
  const std::string word(1 << 20, 'e');
  EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, word)), word);
  EXPECT_EQ(tokenizer->Encode(std::string(size_t{65} << 20, ' '), false, false).status().code(),
            StatusCode::kLimit);
}

TEST(BpeTokenizer, RefusesVocabulariesThatCannotBe) {
  using Strings = std::vector<std::string>;
  for (const char* merge : {"a", "zz qq", "a \u00FF\u00FF", "", "a b c"}) {
    ModelParts parts = Parts();
    std::get<Strings>(parts.keys["tokenizer.ggml.merges"])[5] = merge;
    EXPECT_EQ(CodeOf(parts), StatusCode::kFormat) << merge;
  }
  ModelParts parts = Parts();
  parts.keys.erase("tokenizer.ggml.merges");
  EXPECT_NE(CodeOf(parts), StatusCode::kOk);
  parts = Parts("unheard-of");
  EXPECT_EQ(CodeOf(parts), StatusCode::kIncompatible);
  parts = Parts();
  std::get<Strings>(parts.keys["tokenizer.ggml.tokens"])[5] = "";
  EXPECT_EQ(CodeOf(parts), StatusCode::kFormat);
  parts = Parts();
  parts.keys["tokenizer.ggml.eos_token_id"] = uint32_t{99999};
  EXPECT_EQ(CodeOf(parts), StatusCode::kFormat);
  parts = Parts();
  parts.keys["tokenizer.ggml.model"] = std::string("bert");
  EXPECT_EQ(CodeOf(parts), StatusCode::kIncompatible);
}

TEST(BpeTokenizer, DoesWithoutTypesAndWithoutATokenForEveryByte) {
  ModelParts parts;
  parts.keys = {{"general.architecture", std::string("llama")},
                {"tokenizer.ggml.model", std::string("gpt2")},
                {"tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab"}},
                {"tokenizer.ggml.merges", std::vector<std::string>{"a b"}}};
  const auto tokenizer = Open(parts);
  EXPECT_THAT(Ids(*tokenizer, "abxa"), ElementsAre(2, 0));
}

}  // namespace
}  // namespace selvedge::inference
