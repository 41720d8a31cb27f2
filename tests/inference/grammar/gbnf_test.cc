#include <gtest/gtest.h>

#include "inference/grammar/automaton.h"
#include "tests/inference/grammar/accepts.h"

namespace selvedge::inference {
namespace {

using testing::Accepts;

TEST(Gbnf, ReadsEveryElement) {
  const char* grammar = R"(
# a comment
root ::= greeting " " name (", " name)* end?   # another
greeting ::= "Hello" | "Good " ("morning" | "evening")
name ::= [A-Z] [a-z]+ | [^a-zA-Z "\]\x00-\x1F]{2,3}
end ::= "." .
)";
  EXPECT_TRUE(Accepts(grammar, "Hello Ann"));
  EXPECT_TRUE(Accepts(grammar, "Good evening Ann, Bob, 123"));
  EXPECT_TRUE(Accepts(grammar, "Hello 12.!"));
  EXPECT_TRUE(Accepts(grammar, "Hello é☃"));
  EXPECT_FALSE(Accepts(grammar, "Hello ann"));
  EXPECT_FALSE(Accepts(grammar, "Hello Ann."));
  EXPECT_FALSE(Accepts(grammar, "Good night Ann"));
  EXPECT_FALSE(Accepts(grammar, "Hello 1"));
  EXPECT_FALSE(Accepts(grammar, "Hello 1234"));
}

TEST(Gbnf, ReadsEscapes) {
  EXPECT_TRUE(Accepts(R"(root ::= "\"\\\n\x41\u00e9\U0001F600")", "\"\\\nAé😀"));
  EXPECT_TRUE(Accepts(R"(root ::= [\]\-a\^]+)", "]-a^"));
  EXPECT_FALSE(Accepts(R"(root ::= [\]\-a\^]+)", "b"));
}

TEST(Gbnf, CountsRepetitions) {
  const auto times = [](const std::string& braces, int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += "ab";
    return Accepts("root ::= \"ab\"" + braces, text);
  };
  for (int n = 0; n < 7; ++n) {
    EXPECT_EQ(times("{3}", n), n == 3) << n;
    EXPECT_EQ(times("{2,}", n), n >= 2) << n;
    EXPECT_EQ(times("{2,4}", n), n >= 2 && n <= 4) << n;
    EXPECT_EQ(times("{,4}", n), n <= 4) << n;
    EXPECT_EQ(times("?", n), n <= 1) << n;
    EXPECT_EQ(times("+", n), n >= 1) << n;
    EXPECT_TRUE(times("*", n)) << n;
    EXPECT_EQ(times("{2}{2}", n), n == 4) << n;
  }
}

TEST(Gbnf, ABodyMayGoOnAfterALineBreakWhereItIsNotComplete) {
  EXPECT_TRUE(Accepts("root ::=\n  \"a\" |\n  \"b\"\nx ::= \"c\"\n", "b"));
  EXPECT_TRUE(Accepts("root ::= \"a\"\n  | x\nx ::= (\n\"c\"\n\"d\"\n)\n", "cd"));
  EXPECT_TRUE(Accepts("root ::= \"a\"\r\nx ::= \"c\"\r\n", "a"));
}

TEST(Gbnf, RulesMayCallThemselvesInTheMiddleAndAtTheEnd) {
  const char* pairs = "root ::= \"(\" root \")\" | \"x\"";
  EXPECT_TRUE(Accepts(pairs, "(((x)))"));
  EXPECT_FALSE(Accepts(pairs, "(((x))"));
  EXPECT_FALSE(Accepts(pairs, "((x)))"));
  const char* list = "root ::= item \",\" root | item\nitem ::= [a-z]*";
  EXPECT_TRUE(Accepts(list, "a,b,,c"));
  EXPECT_FALSE(Accepts(list, "a;b"));
}

TEST(Gbnf, SaysWhereAGrammarIsWrong) {
  const auto message = [](const std::string& text) {
    const auto network = GrammarNetwork::FromGbnf(text);
    EXPECT_FALSE(network.ok()) << text;
    return network.ok() ? "" : network.status().message();
  };
  EXPECT_EQ(message("root ::= \"a\"\nx = \"b\""),
            "grammar: line 2, column 3: '::=' is needed after the name of a rule");
  EXPECT_EQ(message("root ::= (\"a\" "), "grammar: line 1, column 15: ')' is needed");
  EXPECT_EQ(message("root ::= \"a"), "grammar: line 1, column 12: ends before '\"' or ']'");
  EXPECT_EQ(message("root ::= \"\\q\""), "grammar: line 1, column 13: an unknown escape");
  EXPECT_EQ(message("root ::= [z-a]"),
            "grammar: line 1, column 14: the larger character of a range stands first");
  EXPECT_EQ(message("root ::= []"), "grammar: line 1, column 12: a set without any character");
  EXPECT_EQ(message("root ::= \"a\"{3,2}"),
            "grammar: line 1, column 17: the larger number of repetitions stands first");
  EXPECT_EQ(message("root ::= \"\xFF\""), "grammar: line 1, column 11: ill-formed UTF-8");
  EXPECT_EQ(message("root ::= \"\\uD800\""), "grammar: line 1, column 17: no Unicode character");
  EXPECT_EQ(message("root ::= x"), "grammar: rule 'x' is used but not defined");
  EXPECT_EQ(message("x ::= \"a\""), "grammar: no rule 'root', one is needed");
  EXPECT_EQ(message(""), "grammar: no rule 'root', one is needed");
  EXPECT_EQ(message("root ::= \"a\"\nroot ::= \"b\""),
            "grammar: line 2, column 9: rule 'root' is defined twice");
  EXPECT_EQ(message("root ::= \"a\" ]"),
            "grammar: line 1, column 14: an element of a rule or the end of the line is needed");
}

TEST(Gbnf, RefusesRulesThatNoTextCanMeet) {
  const auto refused = [](const std::string& text) {
    const auto network = GrammarNetwork::FromGbnf(text);
    return network.ok() ? "accepted" : network.status().message();
  };
  EXPECT_EQ(refused("root ::= \"a\" root"), "grammar: rule 'root' never ends");
  EXPECT_EQ(refused("root ::= root \"a\" | \"b\""),
            "grammar: rule 'root' calls itself before it takes a character (left recursion)");
  EXPECT_EQ(
      refused(
          "root ::= \"z\" x | \"b\"\nx ::= y? z \"q\" | \"c\"\ny ::= \"d\"\nz ::= y* x | \"e\""),
      "grammar: rule 'x' calls itself before it takes a character (left recursion)");
  EXPECT_EQ(refused("root ::= (root)* \"a\""),
            "grammar: rule 'root' calls itself before it takes a character (left recursion)");
}

TEST(Gbnf, RefusesWhatWouldTakeTooMuch) {
  const auto code = [](const std::string& text) {
    return GrammarNetwork::FromGbnf(text).status().code();
  };
  EXPECT_EQ(code("root ::= \"ab\"{60000}{60000}"), StatusCode::kLimit);
  EXPECT_EQ(code("root ::= \"\"{60000}{60000}"), StatusCode::kLimit);
  EXPECT_EQ(code("root ::= " + std::string(200, '(') + "\"a\"" + std::string(200, ')')),
            StatusCode::kLimit);
  EXPECT_EQ(code("root ::= \"" + std::string(2 << 20, 'a') + "\""), StatusCode::kLimit);
}

TEST(GrammarAutomaton, AnyWayToReadATextIsEnough) {
  EXPECT_TRUE(
      Accepts("root ::= x \"c\" | y \"d\"\nx ::= \"a\"* \"b\"\ny ::= (\"a\" | \"ab\")+", "aabd"));
  EXPECT_TRUE(
      Accepts("root ::= x \"c\" | y \"d\"\nx ::= \"a\"* \"b\"\ny ::= (\"a\" | \"ab\")+", "aabc"));
}

TEST(GrammarAutomaton, ListsThatCallThemselvesAtTheirEndTakeNoMoreStates) {
  auto network = GrammarNetwork::FromGbnf("root ::= [a-z] root | \".\"");
  ASSERT_TRUE(network.ok());
  GrammarAutomaton automaton(std::make_shared<const GrammarNetwork>(std::move(*network)));
  GrammarAutomaton::State state = automaton.start();
  for (int i = 0; i < 10000; ++i) state = automaton.Next(state, 'q');
  EXPECT_NE(state, GrammarAutomaton::kDead);
  EXPECT_LE(automaton.states(), 3u);
}

TEST(GrammarAutomaton, GoesOnTheSameAfterForgetting) {
  auto network = GrammarNetwork::FromGbnf("root ::= \"[\" root* \"]\"");
  ASSERT_TRUE(network.ok());
  GrammarAutomaton automaton(std::make_shared<const GrammarNetwork>(std::move(*network)));
  GrammarAutomaton::State state = automaton.start();
  for (const char c : std::string_view("[[[]["))
    state = automaton.Next(state, static_cast<uint8_t>(c));
  const size_t before = automaton.states();
  state = automaton.Forget(state);
  EXPECT_LT(automaton.states(), before);
  for (const char c : std::string_view("]]"))
    state = automaton.Next(state, static_cast<uint8_t>(c));
  EXPECT_FALSE(automaton.CanEnd(state));
  state = automaton.Next(state, ']');
  EXPECT_TRUE(automaton.CanEnd(state));
  EXPECT_TRUE(automaton.MustEnd(state));
}

TEST(GrammarAutomaton, StopsWhereTheWaysBecomeTooMany) {
  // After n times a, every string of n letters b and c may be awaited.
  auto network = GrammarNetwork::FromGbnf("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"");
  ASSERT_TRUE(network.ok());
  GrammarAutomaton automaton(std::make_shared<const GrammarNetwork>(std::move(*network)));
  GrammarAutomaton::State state = automaton.start();
  int taken = 0;
  while (state != GrammarAutomaton::kDead && taken < 100) {
    state = automaton.Next(state, 'a');
    ++taken;
  }
  EXPECT_TRUE(automaton.overflowed());
  EXPECT_GT(taken, 5);
  EXPECT_LT(taken, 30);
}

TEST(CodePoints, FormsCoverEveryCharacterOnceAndNoOther) {
  for (const CodePointSet& set : {Complement({}), CodePointSet{{0x41, 0x41}},
                                  CodePointSet{{0x7E, 0x801}}, CodePointSet{{0xFFFE, 0x10001}},
                                  Complement(CodePointSet{{0x20, 0x2FF}, {0x5000, 0xFFFF}})}) {
    uint64_t expected = 0, covered = 0;
    for (const CodePointRange& range : Normal(set)) expected += range.high - range.low + 1;
    for (const ByteRanges& form : Utf8Forms(Normal(set))) {
      uint64_t n = 1;
      for (size_t i = 0; i < form.length; ++i) n *= form.high[i] - form.low[i] + 1u;
      covered += n;
    }
    EXPECT_EQ(covered, expected);
  }
}

}  // namespace
}  // namespace selvedge::inference
