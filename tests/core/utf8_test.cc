#include "core/utf8.h"

#include <gtest/gtest.h>

namespace selvedge::core {
namespace {

TEST(Utf8, AcceptsTheEdgesOfEveryLength) {
  for (const char* text :
       {"", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsValidUtf8(text));
    EXPECT_EQ(ReplaceInvalidUtf8(text), text);
  }
  EXPECT_TRUE(IsValidUtf8(std::string_view("a\0b", 3)));
}

TEST(Utf8, RefusesOverlongSurrogateTooLargeAndCutOff) {
  for (const char* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
                           "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80", "\xFF", "\xE2\x82", "\xC3", "a\xC3z"}) {
    EXPECT_FALSE(IsValidUtf8(text));
    EXPECT_TRUE(IsValidUtf8(ReplaceInvalidUtf8(text)));
  }
}

// SOURCE: The Unicode Standard 15.0, section 3.9, tables 3-8 to 3-11 (examples of U+FFFD for
// non-shortest forms, ill-formed surrogates, other ill-formed and truncated sequences).
TEST(Utf8, ReplacesMaximalSubparts) {
  const auto count = [](std::string_view text) {
    const std::string out = ReplaceInvalidUtf8(text);
    size_t n = 0;
    for (size_t at = 0; (at = out.find("\xEF\xBF\xBD", at)) != std::string::npos; at += 3) ++n;
    return n;
  };
  EXPECT_EQ(count("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), 8u);
  EXPECT_EQ(count("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), 8u);
  EXPECT_EQ(count("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), 7u);
  EXPECT_EQ(ReplaceInvalidUtf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"),
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\x41");
}

TEST(Utf8, TailIsHeldOnlyWhileItCanBecomeACharacter) {
  EXPECT_EQ(IncompleteTailLength(""), 0u);
  EXPECT_EQ(IncompleteTailLength("abc"), 0u);
  EXPECT_EQ(IncompleteTailLength("a\xC3"), 1u);
  EXPECT_EQ(IncompleteTailLength("a\xC3\xA9"), 0u);
  EXPECT_EQ(IncompleteTailLength("\xE2\x82"), 2u);
  EXPECT_EQ(IncompleteTailLength("\xF0\x9F\x99"), 3u);
  EXPECT_EQ(IncompleteTailLength("\xF0\x9F\x99\x82"), 0u);
  EXPECT_EQ(IncompleteTailLength("\x80\x80\x80\x80"), 0u);
  EXPECT_EQ(IncompleteTailLength("\xED\xA0"), 0u);  // a surrogate never completes
  EXPECT_EQ(IncompleteTailLength("\xFF"), 0u);
}

TEST(Utf8, StreamedBytesGiveTheWholeText) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x99\x82z";
  std::string held, shown;
  for (const char byte : text) {
    held += byte;
    const size_t ready = held.size() - IncompleteTailLength(held);
    shown += ReplaceInvalidUtf8(std::string_view(held).substr(0, ready));
    held.erase(0, ready);
  }
  EXPECT_EQ(shown, text);
}

}  // namespace
}  // namespace selvedge::core
