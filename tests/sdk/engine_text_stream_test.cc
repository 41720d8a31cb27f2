#include "sdk/engine_text_stream.h"

#include <gtest/gtest.h>

namespace selvedge {
namespace {

struct Collected {
  std::vector<std::string> pieces;
  std::function<bool(std::string_view)> sink() {
    return [this](std::string_view piece) {
      pieces.emplace_back(piece);
      return true;
    };
  }
};

TEST(TextStream, EmitsWholeCharactersOnly) {
  Collected collected;
  TextStream stream({}, collected.sink());
  for (const char byte : std::string("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x9D")) {
    EXPECT_TRUE(stream.Push(std::string(1, byte)));
  }
  stream.Finish();
  EXPECT_EQ(collected.pieces,
            (std::vector<std::string>{"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x90\x9D"}));
}

TEST(TextStream, ReplacesWhatIsNoCharacter) {
  TextStream stream({}, nullptr);
  stream.Push("a\xFF");
  stream.Push("b\xE2\x82");
  stream.Finish();
  EXPECT_EQ(stream.text(),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

// Every way to cut the text into pieces must give the same result and never show a part of the
// stop string.
TEST(TextStream, NeverLeaksAPartOfAStopString) {
  const std::string text = "one two END three";
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      Collected collected;
      TextStream stream({"END"}, collected.sink());
      bool open = true;
      for (const std::string& piece :
           {text.substr(0, first), text.substr(first, second - first), text.substr(second)}) {
        if (open) open = stream.Push(piece);
      }
      EXPECT_FALSE(open);
      EXPECT_TRUE(stream.stopped());
      EXPECT_EQ(stream.text(), "one two ");
      std::string joined;
      for (const std::string& piece : collected.pieces) joined += piece;
      EXPECT_EQ(joined, "one two ");
    }
  }
}

TEST(TextStream, EndsAtTheEarliestOfSeveralStopStrings) {
  TextStream stream({"later", "", "la"}, nullptr);
  EXPECT_FALSE(stream.Push("see you later"));
  EXPECT_EQ(stream.text(), "see you ");
}

TEST(TextStream, GivesBackWhatOnlyLookedLikeAStopString) {
  TextStream stream({"ENDING"}, nullptr);
  EXPECT_TRUE(stream.Push("the END"));
  EXPECT_EQ(stream.text(), "the ");
  EXPECT_TRUE(stream.Push(" of it, END"));
  stream.Finish();
  EXPECT_EQ(stream.text(), "the END of it, END");
  EXPECT_FALSE(stream.stopped());
}

TEST(TextStream, EndsWhenTheReaderWantsNoMore) {
  int calls = 0;
  TextStream stream({}, [&](std::string_view) { return ++calls < 2; });
  EXPECT_TRUE(stream.Push("a"));
  EXPECT_FALSE(stream.Push("b"));
  EXPECT_TRUE(stream.cancelled());
  stream.Finish();
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace selvedge
