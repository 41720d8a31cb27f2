#include "privacy/redaction/folded_text.h"

#include <gtest/gtest.h>

namespace selvedge::privacy {
namespace {

std::string Folded(std::string_view text) { return std::string(FoldedText(text).view()); }

TEST(FoldedText, LeavesAsciiAlone) { EXPECT_EQ(Folded("a-Z 09@.\n"), "a-Z 09@.\n"); }

TEST(FoldedText, TurnsDigitsOfOtherScriptsIntoAscii) {
  EXPECT_EQ(Folded("１２３"), "123");             // full width
  EXPECT_EQ(Folded("٠١٢٣٤٥٦٧٨٩"), "0123456789");  // Arabic-Indic
  EXPECT_EQ(Folded("۰۱۲۳۴۵۶۷۸۹"), "0123456789");  // Persian
  EXPECT_EQ(Folded("०१२३"), "0123");              // Devanagari
  EXPECT_EQ(Folded("\xF0\x9D\x9F\x8E\xF0\x9D\x9F\xAB"),
            "09");  // mathematical bold and double-struck
}

TEST(FoldedText, DropsInvisibleCodePointsAndKeepsTheMap) {
  const std::string text =
      "a\xE2\x80\x8B\xEF\xBB\xBF"
      "b\xC2\xAD"
      "c";  // zero width space, byte order mark, soft hyphen
  const FoldedText folded(text);
  EXPECT_EQ(folded.view(), "abc");
  EXPECT_EQ(folded.OriginalBegin(1), 7u);
  EXPECT_EQ(folded.OriginalEnd(1), 8u);
  EXPECT_EQ(folded.OriginalBegin(2), 10u);
}

TEST(FoldedText, FoldsSpacesDashesDotsQuotesAndLookAlikes) {
  EXPECT_EQ(Folded("a\u00A0b\u2009c\u3000d\te"), "a b c d e");
  EXPECT_EQ(Folded("1\u2010\u2011\u2013\u20142\u22123"), "1----2-3");
  EXPECT_EQ(Folded("a\uFF0Eb\u3002c\uFF20d"), "a.b.c@d");
  EXPECT_EQ(Folded("\u0440\u0430\u0443"), "pay");  // Cyrillic er, a, u
}

TEST(FoldedText, MarksWhatHasNoLikenessAsLetterOrSymbol) {
  EXPECT_EQ(Folded("ж漢"), std::string({kOtherLetter, kOtherLetter}));
  EXPECT_EQ(Folded("\xF0\x9F\x98\x80…"), std::string({kOtherMark, kOtherMark}));
}

TEST(FoldedText, TakesTheMarksOffLatinLetters) {
  EXPECT_EQ(Folded("Szöllősi Þór Łukasz Nguyễn"), "Szollosi Tor Lukasz Nguyen");
  const std::string text = "e\u0301\u0302x";  // composed of letter and marks
  const FoldedText folded(text);
  EXPECT_EQ(folded.view(), "ex");
  EXPECT_EQ(folded.OriginalEnd(0), 5u);
  EXPECT_EQ(folded.OriginalBegin(1), 5u);
}

TEST(FoldedText, TakesBytesThatAreNotUtf8OneByOne) {
  const FoldedText folded("a\xFF\xC3(\xE2\x82");
  EXPECT_EQ(folded.view(), std::string({'a', kOtherMark, kOtherMark, '(', kOtherMark, kOtherMark}));
  EXPECT_EQ(folded.OriginalEnd(5), 6u);
}

}  // namespace
}  // namespace selvedge::privacy
