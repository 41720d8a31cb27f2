// Grammars, guesses, the prompt cache and the memory limit through the command and the server.

#include "tests/cli/command.h"
#include "tests/cli/http.h"

namespace selvedge::cli_test {
namespace {

const char kSchema[] = R"({"type": "object", "required": ["colour"],
    "properties": {"colour": {"enum": ["red", "green"]}, "n": {"type": "integer"}}})";

TEST(Constrained, AJsonSchemaGivesJson) {
  const Sandbox sandbox;
  const std::string schema = sandbox.Write("schema.json", kSchema);
  const Finished finished = sandbox.Run({"generate", "-p", "As JSON: ", "-n", "200", "--temp",
                                         "1.5", "--seed", "3", "--json-schema", schema, "--json"});
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const auto report = finished.Json();
  EXPECT_EQ(report["finish_reason"], "stop");
  const auto text = nlohmann::json::parse(report["text"].get<std::string>(), nullptr, false);
  ASSERT_TRUE(text.is_object()) << report["text"];
  EXPECT_TRUE(text["colour"] == "red" || text["colour"] == "green");
}

TEST(Constrained, AGrammarKeepsTheTextToIt) {
  const Sandbox sandbox;
  const std::string grammar = sandbox.Write("yes_no.gbnf", "root ::= \"yes\" | \"no\"\n");
  const Finished finished =
      sandbox.Run({"generate", "-p", "Is it so? ", "--grammar", grammar, "--temp", "0"});
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_TRUE(finished.out == "yes\n" || finished.out == "no\n") << finished.out;
}

TEST(Constrained, BadFilesAreRefusedWithTheirExitCodes) {
  const Sandbox sandbox;
  const auto run = [&](const std::string& flag, const std::string& content) {
    return sandbox.Run({"generate", "-p", "x", "-n", "2", flag, sandbox.Write("file", content)});
  };
  EXPECT_TRUE(FailsWith(run("--grammar", "root ::= ("), 4));
  EXPECT_TRUE(FailsWith(run("--grammar", ""), 4));
  EXPECT_TRUE(FailsWith(run("--json-schema", "{"), 4));
  EXPECT_TRUE(FailsWith(run("--json-schema", R"({"type": "string", "format": "hostname"})"), 4));
  EXPECT_TRUE(
      FailsWith(sandbox.Run({"generate", "-p", "x", "--grammar", sandbox.path("nothing")}), 3));
  EXPECT_TRUE(FailsWith(sandbox.Run({"generate", "-p", "x", "--grammar", sandbox.path("a"),
                                     "--json-schema", sandbox.path("b")}),
                        2));
}

TEST(Constrained, TheServerHonoursResponseFormat) {
  const Sandbox sandbox;
  Serving server(sandbox, {});
  const auto ask = [&](const std::string& format) {
    return server.Post(
        "/v1/completions",
        R"({"prompt": "As JSON: ", "max_tokens": 200, "seed": 5, "response_format": )" + format +
            "}");
  };
  const Reply reply =
      ask(std::string(R"({"type": "json_schema", "json_schema": {"name": "c", "schema": )") +
          kSchema + "}}");
  ASSERT_EQ(reply.http, 200) << reply.body;
  const auto choice = reply.Json()["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "stop");
  const auto text = nlohmann::json::parse(choice["text"].get<std::string>(), nullptr, false);
  EXPECT_TRUE(text.is_object() && text.contains("colour")) << choice["text"];
  const Reply object = ask(R"({"type": "json_object"})");
  ASSERT_EQ(object.http, 200) << object.body;
  EXPECT_EQ(object.Json()["choices"][0]["text"].get<std::string>().front(), '{');
  EXPECT_EQ(ask(R"({"type": "text"})").http, 200);
  EXPECT_EQ(ask(R"({"type": "xml"})").http, 400);
  EXPECT_EQ(ask(R"({"type": "json_schema"})").http, 400);
  EXPECT_EQ(ask(R"({"type": "json_schema", "json_schema": {"schema": {"not": {}}}})").http, 400);
}

TEST(Draft, GivesTheSameText) {
  const Sandbox sandbox;
  const auto run = [&](const std::string& most) {
    return sandbox
        .Run({"generate", "-p", "one two three one two three one two three one two", "-n", "60",
              "--temp", "0", "--draft-max", most, "--json"})
        .Json();
  };
  const auto plain = run("0"), drafted = run("8");
  EXPECT_EQ(plain["text"], drafted["text"]);
  EXPECT_EQ(plain["drafted_tokens"], 0);
  EXPECT_GT(drafted["drafted_tokens"], 0);
  EXPECT_TRUE(FailsWith(sandbox.Run({"generate", "-p", "x", "--draft-max", "32"}), 2));
}

TEST(PromptCache, IsKeptInTheHomeWhenAsked) {
  Sandbox sandbox;
  sandbox.environment["SELVEDGE_HOME"] = sandbox.path("home");
  const std::vector<std::string> ask = {"generate", "-p", "The sea",        "-n",    "6",
                                        "--temp",   "0",  "--prompt-cache", "--json"};
  EXPECT_NE(sandbox.Run(ask).exit_code, 0) << "there is no home";
  ASSERT_EQ(sandbox.Run({"init"}).exit_code, 0);
  const auto first = sandbox.Run(ask).Json(), again = sandbox.Run(ask).Json();
  EXPECT_EQ(first["cached_tokens"], 0);
  EXPECT_EQ(again["cached_tokens"], again["prompt_tokens"]);
  EXPECT_EQ(again["text"], first["text"]);
  ASSERT_EQ(sandbox.Run({"wipe", "--yes"}).exit_code, 0);
}

TEST(MemoryLimit, IsRefusedWithTheFigure) {
  const Sandbox sandbox;
  const Finished refused = sandbox.Run({"generate", "-p", "x", "-n", "2", "--memory-limit", "10"});
  EXPECT_TRUE(FailsWith(refused, 4));
  EXPECT_NE(refused.err.find("MiB"), std::string::npos) << refused.err;
  EXPECT_EQ(sandbox.Run({"generate", "-p", "x", "-n", "2", "--memory-limit", "4000"}).exit_code, 0);
}

}  // namespace
}  // namespace selvedge::cli_test
