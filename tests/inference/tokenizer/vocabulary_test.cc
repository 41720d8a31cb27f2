#include "inference/tokenizer/vocabulary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::ModelParts;

StatusCode CodeOf(const ModelParts& parts) {
  return Vocabulary::FromGguf(*parts.Build(), Vocabulary::Kind::kSentencePiece).status().code();
}

std::vector<std::string>& Tokens(ModelParts& parts) {
  return std::get<std::vector<std::string>>(parts.keys["tokenizer.ggml.tokens"]);
}

std::vector<int32_t>& Types(ModelParts& parts) {
  return std::get<std::vector<int32_t>>(parts.keys["tokenizer.ggml.token_type"]);
}

TEST(Vocabulary, AcceptsTheUnchangedFile) {
  EXPECT_EQ(CodeOf(ModelParts::Small()), StatusCode::kOk);
}

TEST(Vocabulary, RefusesTokensThatCannotBe) {
  for (const std::string& token :
       {std::string(), std::string(size_t{1} << 20, 'x'), std::string("w7")}) {
    ModelParts parts = ModelParts::Small();
    Tokens(parts)[9] = token;
    EXPECT_EQ(CodeOf(parts), StatusCode::kFormat) << token.size();
  }
}

TEST(Vocabulary, RefusesWrongByteTokens) {
  for (const char* token :
       {"<0xZZ>", "<0x-1>", "<0x1>", "<0xaa>", "<0x41>"}) {  // the last: 1 of 256
    ModelParts parts = ModelParts::Small();
    Tokens(parts)[9] = token;
    Types(parts)[9] = 6;
    EXPECT_EQ(CodeOf(parts), StatusCode::kFormat) << token;
  }
}

TEST(Vocabulary, RefusesListsThatDoNotAgree) {
  ModelParts parts = ModelParts::Small();
  Types(parts).pop_back();
  EXPECT_EQ(CodeOf(parts), StatusCode::kFormat);

  parts = ModelParts::Small();
  std::get<std::vector<float>>(parts.keys["tokenizer.ggml.scores"])[3] = NAN;
  EXPECT_EQ(CodeOf(parts), StatusCode::kFormat);

  parts = ModelParts::Small();
  parts.keys["tokenizer.ggml.scores"] = std::vector<int32_t>(300, 1);
  EXPECT_EQ(CodeOf(parts), StatusCode::kFormat);

  parts = ModelParts::Small();
  Types(parts)[5] = 7;
  EXPECT_EQ(CodeOf(parts), StatusCode::kFormat);

  parts = ModelParts::Small();
  Types(parts)[0] = 1;  // no unknown token
  EXPECT_EQ(CodeOf(parts), StatusCode::kFormat);
}

TEST(Vocabulary, RefusesIdsOutOfRange) {
  for (const char* key : {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                          "tokenizer.ggml.eot_token_id", "tokenizer.ggml.unknown_token_id"}) {
    ModelParts parts = ModelParts::Small();
    parts.keys[key] = uint32_t{300};
    EXPECT_EQ(CodeOf(parts), StatusCode::kFormat) << key;
  }
}

TEST(Vocabulary, RefusesACountThatDiffersFromTheEmbedding) {
  ModelParts parts = ModelParts::Small();
  parts.tensors["token_embd.weight"].dims[1] = 299;
  EXPECT_EQ(CodeOf(parts), StatusCode::kFormat);
}

TEST(Vocabulary, TurnEndsAreControlTokensWhateverTheFileSays) {
  ModelParts parts = ModelParts::Small();
  Tokens(parts)[9] = "<|im_end|>";
  Types(parts)[9] = 4;
  const auto v = Vocabulary::FromGguf(*parts.Build(), Vocabulary::Kind::kSentencePiece);
  ASSERT_TRUE(v.ok()) << v.status().message();
  EXPECT_EQ(v->types[9], TokenType::kControl);
  EXPECT_EQ(v->end_of_generation, (std::vector<int32_t>{2, 9}));
}

TEST(Vocabulary, KeepsTheFirstOfTwoUnknownTokens) {
  ModelParts parts = ModelParts::Small();
  Types(parts)[9] = 2;
  const auto v = Vocabulary::FromGguf(*parts.Build(), Vocabulary::Kind::kSentencePiece);
  ASSERT_TRUE(v.ok()) << v.status().message();
  EXPECT_EQ(v->unknown, 0);
  EXPECT_EQ(v->types[9], TokenType::kUnused);
}

TEST(Vocabulary, Phi3DropsSpaceAfterItsSpecialTokens) {
  ModelParts parts = ModelParts::Small();
  Tokens(parts)[9] = "<|user|>";
  Types(parts)[9] = 3;
  EXPECT_TRUE(Vocabulary::FromGguf(*parts.Build(), Vocabulary::Kind::kSentencePiece)
                  ->drops_space_after.empty());
  parts.keys["general.name"] = std::string("Phi-3 mini");
  const auto file = parts.Build();
  const auto v = Vocabulary::FromGguf(*file, Vocabulary::Kind::kSentencePiece);
  EXPECT_TRUE(v->drops_space_after.contains(9));
  EXPECT_FALSE(v->drops_space_after.contains(1));  // <s>
  const auto tokenizer = Tokenizer::FromGguf(*file);
  EXPECT_EQ(*(*tokenizer)->Encode("<|user|> \n\tw20", false, true),
            *(*tokenizer)->Encode("<|user|>w20", false, true));
}

TEST(Vocabulary, RefusesANameThatIsNoText) {
  ModelParts parts = ModelParts::Small();
  parts.keys["general.name"] = uint32_t{3};
  EXPECT_EQ(Vocabulary::FromGguf(*parts.Build(), Vocabulary::Kind::kSentencePiece).status().code(),
            StatusCode::kFormat);
}

TEST(Tokenizer, RefusesOtherKindsByName) {
  for (const std::string name : {"bert", "\x1b[31mbert"}) {
    ModelParts parts = ModelParts::Small();
    parts.keys["tokenizer.ggml.model"] = name;
    const Status status = Tokenizer::FromGguf(*parts.Build()).status();
    EXPECT_EQ(status.code(), StatusCode::kIncompatible);
    EXPECT_NE(status.message().find("bert"), std::string::npos);
    EXPECT_EQ(status.message().find('\x1b'), std::string::npos);
  }
}

TEST(Tokenizer, WorksWithoutByteTokens) {
  const auto tokenizer = Tokenizer::FromGguf(*ModelParts::Small().Build());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  EXPECT_EQ((*tokenizer)->Encode("\u65E5", false, false)->back(), 0);
}

}  // namespace
}  // namespace selvedge::inference
