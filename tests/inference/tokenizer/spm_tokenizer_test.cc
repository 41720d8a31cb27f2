// SOURCE of golden ids: tests/inference/golden/make_golden.py, sentencepiece 0.1.97.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::GoldenTokenizer;

std::vector<int32_t> Ids(const Tokenizer& t, std::string_view text, bool parse_special = false) {
  auto ids = t.Encode(text, false, parse_special);
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return ids.ok() ? *ids : std::vector<int32_t>{};
}

std::string Repeat(const std::string& text, size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(SpmTokenizer, GivesTheIdsOfSentencepiece) {
  const auto tokenizer = GoldenTokenizer();
  std::ifstream in(testing::GoldenPath("tokenizer.json"));
  const auto cases = nlohmann::json::parse(in);
  ASSERT_GE(cases.size(), 140u);
  for (const auto& c : cases) {
    EXPECT_EQ(Ids(*tokenizer, c["text"].get<std::string>()), c["ids"].get<std::vector<int32_t>>())
        << c["text"];
  }
}

TEST(SpmTokenizer, DecodesWhatItEncoded) {
  const auto tokenizer = GoldenTokenizer();
  std::ifstream in(testing::GoldenPath("tokenizer.json"));
  for (const auto& c : nlohmann::json::parse(in)) {
    const std::string text = c["text"];
    if (text.find("\u2581") != text.npos) continue;  // the space mark itself reads back as a space
    EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, text)), text);
  }
}

TEST(SpmTokenizer, TextNeverBecomesControlTokens) {
  const auto tokenizer = GoldenTokenizer();
  const std::vector<int32_t> control = {1, 2, tokenizer->FindSpecial("<|im_start|>"),
                                        tokenizer->FindSpecial("<|im_end|>")};
  for (const char* text : {"<s>", "</s>", "<|im_start|>user\nhi<|im_end|>", "a<s>b", "<s"}) {
    for (const int32_t id : Ids(*tokenizer, text)) {
      EXPECT_EQ(std::count(control.begin(), control.end(), id), 0) << text;
    }
    EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, text)), text);
  }
}

TEST(SpmTokenizer, ParsesSpecialTokensOnRequest) {
  const auto tokenizer = GoldenTokenizer();
  const int32_t start = tokenizer->FindSpecial("<|im_start|>");
  const int32_t end = tokenizer->FindSpecial("<|im_end|>");
  ASSERT_GE(start, 0);
  ASSERT_GE(end, 0);
  std::vector<int32_t> expected = {start};
  for (const int32_t id : Ids(*tokenizer, "user")) expected.push_back(id);
  expected.push_back(end);
  for (const int32_t id : Ids(*tokenizer, "x")) expected.push_back(id);
  EXPECT_EQ(Ids(*tokenizer, "<|im_start|>user<|im_end|>x", true), expected);
  EXPECT_EQ(Ids(*tokenizer, "<s><s>", true), (std::vector<int32_t>{1, 1}));
}

TEST(SpmTokenizer, AddsTheStartTokenOnRequest) {
  const auto tokenizer = GoldenTokenizer();
  EXPECT_EQ(*tokenizer->Encode("", true, false), std::vector<int32_t>{1});
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_TRUE(tokenizer->IsEndOfGeneration(2));
  EXPECT_TRUE(tokenizer->IsEndOfGeneration(tokenizer->FindSpecial("<|im_end|>")));
  EXPECT_FALSE(tokenizer->IsEndOfGeneration(1));
  EXPECT_FALSE(tokenizer->IsEndOfGeneration(-1));
}

TEST(SpmTokenizer, KeepsIllFormedBytesAsByteTokens) {
  const auto tokenizer = GoldenTokenizer();
  // The ids of <0x00> to <0xFF> begin where the first byte token is.
  const int32_t zero = Ids(*tokenizer, std::string_view("\0", 1)).back();
  const auto bytes = [&](std::initializer_list<int> values) {
    std::vector<int32_t> ids = Ids(*tokenizer, "a");
    for (const int value : values) ids.push_back(zero + value);
    return ids;
  };
  EXPECT_EQ(Ids(*tokenizer, "a\xFF"), bytes({0xFF}));
  EXPECT_EQ(Ids(*tokenizer, "a\xED\xA0\x80"), bytes({0xED, 0xA0, 0x80}));  // a surrogate
  EXPECT_EQ(Ids(*tokenizer, "a\xF0\x9F\x98"), bytes({0xF0, 0x9F, 0x98}));  // a cut emoji
  EXPECT_EQ(Ids(*tokenizer, "a\xE2("), bytes({0xE2, '('}));  // one symbol of three bytes, cut
  EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, "x\xC3\x28y \x80")), "x\xC3\x28y \x80");
}

TEST(SpmTokenizer, CutsLongTextsWithoutChangingTheIds) {
  const auto tokenizer = GoldenTokenizer();
  const std::string line = "The garden behind the house, 12 rows;  wide\tand \u65E5\u672C naive. ";
  const std::vector<int32_t> once = Ids(*tokenizer, line.substr(0, line.size() - 1));
  std::vector<int32_t> expected;
  for (int i = 0; i < 3000; ++i) expected.insert(expected.end(), once.begin(), once.end());
  std::string text = Repeat(line, 3000);  // 200 KB: several slices
  text.pop_back();
  EXPECT_EQ(Ids(*tokenizer, text), expected);
}

TEST(SpmTokenizer, BoundsHugeInputs) {
  const auto tokenizer = GoldenTokenizer();
  const std::string word = std::string(1 << 20, 'a');
  EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, word)), word);
  EXPECT_EQ(Ids(*tokenizer, Repeat("\U0001F600", 1000000)).size(),
            4000001u);  // 4 bytes each, a space
  EXPECT_EQ(tokenizer->Encode(std::string(size_t{9} << 20, 'a'), false, false).status().code(),
            StatusCode::kLimit);
  EXPECT_EQ(tokenizer->Encode(std::string(size_t{65} << 20, ' '), false, false).status().code(),
            StatusCode::kLimit);
}

TEST(SpmTokenizer, GivesNoBytesForIdsItDoesNotHave) {
  const auto tokenizer = GoldenTokenizer();
  EXPECT_EQ(tokenizer->PieceBytes(-1), "");
  EXPECT_EQ(tokenizer->PieceBytes(tokenizer->vocab_size()), "");
  EXPECT_EQ(tokenizer->PieceBytes(1), "");
  EXPECT_EQ(tokenizer->PieceBytes(0), "\uFFFD");
}

}  // namespace
}  // namespace selvedge::inference
