#include "inference/tokenizer/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace selvedge::inference {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Words(const std::string& name, std::string_view text) {
  const auto pre = PreTokenizer::Create(name);
  EXPECT_TRUE(pre.ok()) << pre.status().message();
  const auto words = pre->Split(text);
  EXPECT_TRUE(words.ok()) << words.status().message();
  return {words->begin(), words->end()};
}

TEST(PreTokenizer, Gpt2KeepsDigitsTogetherAndLeavesASpaceToTheWord) {
  EXPECT_THAT(Words("gpt-2", "I'll pay 1234  euros.\n\n"),
              ElementsAre("I", "'ll", " pay", " 1234", " ", " euros", ".", "\n\n"));
  EXPECT_THAT(Words("gpt-2", "DON'T"), ElementsAre("DON", "'", "T"));
}

TEST(PreTokenizer, Llama3CutsDigitsInThreesAndKnowsUpperCaseContractions) {
  EXPECT_THAT(Words("llama-bpe", "DON'T 1234567\r\n x"),
              ElementsAre("DON", "'T", " ", "123", "456", "7", "\r\n", " x"));
  EXPECT_THAT(Words("llama-bpe", "(a)!!\n\nb"), ElementsAre("(a", ")!!\n\n", "b"));
}

TEST(PreTokenizer, Qwen2CutsSingleDigits) {
  EXPECT_THAT(Words("qwen2", "a12"), ElementsAre("a", "1", "2"));
}

TEST(PreTokenizer, SmolLmCutsSingleDigitsBeforeAnythingElse) {
  EXPECT_THAT(Words("smollm", " 12 ab"), ElementsAre(" ", "1", "2", " ab"));
}

TEST(PreTokenizer, DefaultCutsPunctuationOutOfWords) {
  EXPECT_THAT(Words("default", "a+b 1234"), ElementsAre("a", "+", "b", " ", "123", "4"));
}

TEST(PreTokenizer, TekkenCutsWordsWhereTheCaseRises) {
  EXPECT_THAT(Words("tekken", "camelCase HTTPServer/\n"),
              ElementsAre("camel", "Case", " HTTPServer", "/\n"));
}

TEST(PreTokenizer, KnowsUnicodeClasses) {
  EXPECT_THAT(Words("llama-bpe", "日本語 \u0661\u0662\u0663\u0664 \u00A0été"),
              ElementsAre("日本語", " ", "\u0661\u0662\u0663", "\u0664", " ", "\u00A0été"));
  // The Mongolian vowel separator is no white space.
  EXPECT_THAT(Words("gpt-2", "a\u180Eb"), ElementsAre("a", "\u180E", "b"));
}

TEST(PreTokenizer, LosesNothing) {
  std::string text = "\t x\u2028\u2029 \u3000\n'";
  for (int i = 0; i < 2000; ++i) text += "aB1 \n"[i * 7 % 5];
  text += std::string(100000, ' ') + std::string(100000, 'Q') + std::string(100000, '\n');
  for (const char* name :
       {"default", "gpt-2", "smollm", "llama-bpe", "qwen2", "tekken", "gpt-4o"}) {
    std::string joined;
    for (const std::string& word : Words(name, text)) joined += word;
    EXPECT_EQ(joined, text) << name;
  }
  EXPECT_TRUE(Words("gpt-2", "").empty() || Words("gpt-2", "")[0].empty());
}

TEST(PreTokenizer, RefusesUnknownRulesByName) {
  const Status status = PreTokenizer::Create("bloom").status();
  EXPECT_EQ(status.code(), StatusCode::kIncompatible);
  EXPECT_NE(status.message().find("'bloom'"), std::string::npos);
}

}  // namespace
}  // namespace selvedge::inference
