#include "inference/grammar/pattern.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "core/seeded_random.h"
#include "inference/grammar/integer_range.h"
#include "tests/inference/grammar/accepts.h"

namespace selvedge::inference {
namespace {

std::string GrammarOf(const std::string& pattern) {
  JsonRules rules;
  const auto element = GrammarOfPattern(pattern, &rules);
  EXPECT_TRUE(element.ok()) << pattern << ": " << element.status().message();
  return element.ok() ? rules.Text(*element) : "";
}

Status Refusal(const std::string& pattern) {
  JsonRules rules;
  return GrammarOfPattern(pattern, &rules).status();
}

// The judge is the standard library's ECMAScript expressions.
TEST(Pattern, AgreesWithStdRegexOnRandomTexts) {
  const std::vector<std::string> patterns = {
      R"(^[a-c]+$)",      R"(^(ab|c)*$)",      R"(^a?b{2}c{1,3}$)", R"(b)",
      R"(^\d+(\.\d*)?$)", R"(^[^ab]\w$)",      R"(a\s*c$)",         R"(^(a|(b|c)1)+$)",
      R"(^.b)",           R"(^[\d\-a]{0,4}$)", R"(^\W+$)",          R"(^"\\a?"$)",
      R"(^[.]\+[+]$)",    R"(^(?:a|)(1|\/)?$)"};
  const std::string alphabet = "abc1 .-+/\"\\";
  core::SeededRandom random(5);
  int matched = 0;
  for (const std::string& pattern : patterns) {
    const std::string grammar = GrammarOf(pattern);
    const std::regex judge(pattern, std::regex::ECMAScript);
    for (int i = 0; i < 400; ++i) {
      std::string text;
      for (size_t n = random.NextU64() % 6; text.size() < n;) {
        text += alphabet[random.NextU64() % alphabet.size()];
      }
      const bool fits = std::regex_search(text, judge);
      matched += fits;
      ASSERT_EQ(testing::Accepts(grammar, nlohmann::json(text).dump()), fits)
          << pattern << " on " << text;
    }
  }
  EXPECT_GT(matched, 500) << "hardly a text matched: the test tests little";
}

TEST(Pattern, RefusesByNameWhatItCannotHonour) {
  for (const char* pattern :
       {R"((?=a))", R"((?!a))", R"((?<=a))", R"((?<name>a))", R"((a)\1)", R"(\bword)", R"(\p{L})",
        "a*?", "a++", "a^b", "a$b", "^a|b", "a|b$"}) {
    const Status refusal = Refusal(pattern);
    EXPECT_EQ(refusal.code(), StatusCode::kIncompatible) << pattern << ": " << refusal.message();
    EXPECT_NE(refusal.message().find("is not supported"), std::string::npos) << pattern;
  }
  for (const char* pattern :
       {"(a", "a)", "[a", "*", "a{", "a{x}", "[z-a]", R"(\x4)", "[^\\s\\S]", "\xFF", "^\\u0001$"}) {
    const Status refusal = Refusal(pattern);
    EXPECT_EQ(refusal.code(), StatusCode::kFormat) << pattern << ": " << refusal.message();
  }
  EXPECT_EQ(Refusal(std::string(5000, 'a')).code(), StatusCode::kLimit);
  EXPECT_EQ(Refusal(std::string(100, '(') + std::string(100, ')')).code(), StatusCode::kLimit);
}

TEST(IntegerRange, TakesExactlyTheNumbersBetweenItsBounds) {
  core::SeededRandom random(6);
  for (int i = 0; i < 60; ++i) {
    const int64_t span = i % 2 == 0 ? 300 : 20000;
    int64_t low = static_cast<int64_t>(random.NextU64() % static_cast<uint64_t>(2 * span)) - span;
    int64_t high = static_cast<int64_t>(random.NextU64() % static_cast<uint64_t>(2 * span)) - span;
    if (low > high) std::swap(low, high);
    auto network = GrammarNetwork::FromGbnf("root ::= " + IntegerRange(low, high) + "\n");
    ASSERT_TRUE(network.ok()) << network.status().message();
    GrammarAutomaton automaton(std::make_shared<const GrammarNetwork>(std::move(*network)));
    for (int64_t n = -2 * span; n <= 2 * span; n += i % 2 == 0 ? 1 : 37) {
      GrammarAutomaton::State state = automaton.start();
      for (const char c : std::to_string(n)) {
        if (state != GrammarAutomaton::kDead)
          state = automaton.Next(state, static_cast<uint8_t>(c));
      }
      const bool taken = state != GrammarAutomaton::kDead && automaton.CanEnd(state);
      ASSERT_EQ(taken, low <= n && n <= high) << n << " in " << low << " to " << high;
    }
  }
}

}  // namespace
}  // namespace selvedge::inference
