#include "inference/tokenizer/byte_alphabet.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace selvedge::inference {
namespace {

TEST(ByteAlphabet, ReadsPrintableCharactersAsThemselves) {
  EXPECT_EQ(BytesOfToken("abc~!"), "abc~!");
  EXPECT_EQ(BytesOfToken("\u00A1\u00FF"), "\xA1\xFF");
}

// SOURCE: the byte encoder of GPT-2's encoder.py: the bytes that are not printable, in order, are
// spelled by U+0100 on, so that 0 is U+0100, 32 U+0120, 127 U+0121 and 173 U+0143.
TEST(ByteAlphabet, ReadsTheOthersFromU0100On) {
  EXPECT_EQ(BytesOfToken("\u0100\u010A\u0120\u0121\u0143"), std::string("\0\n \x7F\xAD", 5));
}

TEST(ByteAlphabet, CoversEveryByteOnce) {
  std::string all;
  for (int c = 0x21; c < 256 + 68; ++c) {
    std::string text;
    if (c < 0x80)
      text = {static_cast<char>(c)};
    else
      text = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    if (const auto bytes = BytesOfToken(text)) all += *bytes;
  }
  EXPECT_EQ(all.size(), 256u);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

TEST(ByteAlphabet, HasNoOtherCharacters) {
  for (const char* text : {" ", "\n", "\u0144", "\u4E2D", "\u00AD", "a\u3000", "\xC3", "\xFF"}) {
    EXPECT_EQ(BytesOfToken(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace selvedge::inference
