// Generations within a grammar, with guesses, and from the prompt cache.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/utf8.h"
#include "sdk/engine_impl.h"

namespace selvedge {
namespace {

Engine OpenDefault(int64_t prompt_cache_mb = 64) {
  EngineOptions options;
  options.threads = 2;
  options.prompt_cache_mb = prompt_cache_mb;
  Result<Engine> engine = Engine::Open(options);
  if (!engine.ok()) ADD_FAILURE() << engine.status().message();
  return std::move(engine).value();
}

GenerateOptions Options(const std::string& prompt, int64_t n, double temperature = 0) {
  GenerateOptions options;
  options.prompt = prompt;
  options.n_predict = n;
  options.sampling.temperature = temperature;
  options.sampling.seed = 11;
  return options;
}

TEST(Constrained, HotDrawsFromASchemaAreJsonThatItAllows) {
  const Engine engine = OpenDefault();
  GenerateOptions options = Options("A person as JSON: ", 400, 2.0);
  options.sampling.top_k = 0;
  options.sampling.top_p = 1;
  options.sampling.min_p = 0;
  options.json_schema = R"({"type": "object", "required": ["name", "age", "tags", "kind"],
      "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 12},
                     "age": {"type": "integer"}, "kind": {"enum": ["a", "b"]},
                     "tags": {"type": "array", "items": {"type": "string", "maxLength": 5},
                              "minItems": 1, "maxItems": 3}, "more": {"type": "number"}}})";
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    options.sampling.seed = seed;
    const auto result = engine.Generate(options);
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_EQ(result->finish_reason, "stop") << seed;
    const auto json = nlohmann::json::parse(result->text, nullptr, false);
    ASSERT_TRUE(json.is_object()) << result->text;
    EXPECT_TRUE(json["name"].is_string() && json["age"].is_number_integer());
    EXPECT_TRUE(json["kind"] == "a" || json["kind"] == "b");
    EXPECT_TRUE(json["tags"].size() >= 1 && json["tags"].size() <= 3) << result->text;
  }
}

TEST(Constrained, CharactersOfSeveralTokensComeWhole) {
  const Engine engine = OpenDefault();
  GenerateOptions options = Options("Snow: ", 40, 1.5);
  options.grammar = "root ::= [\\u2600-\\u26FF\\U0001F600-\\U0001F64Fé]{6}";
  const auto result = engine.Generate(options);
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(result->finish_reason, "stop");
  EXPECT_EQ(result->text.find("\xEF\xBF\xBD"), std::string::npos);
  EXPECT_GE(result->text.size(), 12u);
}

TEST(Constrained, ANameFromAListIsTheTextAndNothingMore) {
  const Engine engine = OpenDefault();
  GenerateOptions options = Options("The colour is", 30);
  options.grammar = "root ::= \" red\" | \" green\"";
  for (const bool ignore_eos : {false, true}) {
    options.ignore_eos = ignore_eos;
    const auto result = engine.Generate(options);
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_TRUE(result->text == " red" || result->text == " green") << result->text;
    EXPECT_EQ(result->finish_reason, "stop");
  }
}

TEST(Constrained, BadGrammarsAndSchemasAreRefusedBeforeAnythingIsRead) {
  const Engine engine = OpenDefault();
  GenerateOptions options = Options("x", 4);
  options.grammar = "root ::= (";
  EXPECT_EQ(engine.Generate(options).status().code(), StatusCode::kFormat);
  options.json_schema = "{}";
  EXPECT_EQ(engine.Generate(options).status().code(), StatusCode::kUsage);
  options.grammar.clear();
  options.json_schema = R"({"type": "string", "pattern": "a\\b"})";
  EXPECT_EQ(engine.Generate(options).status().code(), StatusCode::kIncompatible);
}

TEST(Draft, TheTextIsTheSameForEveryLengthOfGuesses) {
  const Engine engine = OpenDefault(0);
  const char* prompts[] = {
      "one two three four one two three four one two three",
      "Dear Ann,\nthank you for your letter. Dear Bob,\nthank you for",
      "The harbour lay quiet in the evening.",
      "a, b, c, d, e, a, b, c, d, e, a, b,",
  };
  int64_t accepted = 0;
  for (const char* prompt : prompts) {
    for (const double temperature : {0.0, 0.9}) {
      GenerateOptions options = Options(prompt, 80, temperature);
      options.draft_max = 0;
      const auto plain = engine.Generate(options);
      ASSERT_TRUE(plain.ok()) << plain.status().message();
      EXPECT_EQ(plain->drafted_tokens, 0);
      for (const int draft_max : {1, 4, 15}) {
        options.draft_max = draft_max;
        const auto drafted = engine.Generate(options);
        ASSERT_TRUE(drafted.ok()) << drafted.status().message();
        EXPECT_EQ(drafted->text, plain->text) << prompt << draft_max;
        EXPECT_EQ(drafted->generated_tokens, plain->generated_tokens);
        accepted += drafted->accepted_tokens;
      }
    }
  }
  EXPECT_GT(accepted, 50) << "hardly any guess came true: the test tests little";
}

TEST(Draft, OutOfRangeIsRefused) {
  const Engine engine = OpenDefault();
  GenerateOptions options = Options("x", 4);
  for (const int draft_max : {-1, 32}) {
    options.draft_max = draft_max;
    EXPECT_EQ(engine.Generate(options).status().code(), StatusCode::kUsage);
  }
}

TEST(MemoryLimit, RefusesWithTheFigureThatIsNeeded) {
  EngineOptions open;
  open.threads = 1;
  open.memory_limit_mb = 8;
  const auto refused = Engine::Open(open);
  EXPECT_EQ(refused.status().code(), StatusCode::kLimit);
  EXPECT_NE(refused.status().message().find("at least"), std::string::npos);

  open.memory_limit_mb = 60;
  open.prompt_cache_mb = 1;
  const auto engine = Engine::Open(open);
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  EXPECT_TRUE(engine->Generate(Options("The harbour", 8)).ok());
  open.prompt_cache_mb = 64;
  const auto full = Engine::Open(open);
  ASSERT_TRUE(full.ok());
  const auto too_much = full->Generate(Options("The harbour", 8));
  ASSERT_EQ(too_much.status().code(), StatusCode::kLimit);
  // What the message names is enough.
  const std::string message = too_much.status().message();
  const size_t at = message.find("needs ") + 6;
  open.memory_limit_mb = std::stoll(message.substr(at));
  const auto enough = Engine::Open(open);
  ASSERT_TRUE(enough.ok());
  EXPECT_TRUE(enough->Generate(Options("The harbour", 8)).ok()) << message;
}

}  // namespace
}  // namespace selvedge
