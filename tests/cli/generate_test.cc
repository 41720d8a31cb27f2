// `generate` and `eval` on the embedded model; H numbers as in usage_test.cc.

#include <signal.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

const std::vector<std::string> kGreedy = {"--temp", "0", "--json"};

Finished Generate(const Sandbox& sandbox, std::vector<std::string> arguments,
                  const std::string& input = "") {
  arguments.insert(arguments.begin(), "generate");
  arguments.insert(arguments.end(), kGreedy.begin(), kGreedy.end());
  return sandbox.Run(arguments, input);
}

TEST(Generate, PrintsTheContinuationAloneOnStdout) {
  const Sandbox sandbox;
  const Finished json = Generate(sandbox, {"-p", "The sea", "-n", "12"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto report = json.Json();
  for (const char* field : {"text", "prompt_tokens", "generated_tokens", "prompt_tokens_per_s",
                            "tokens_per_s", "first_token_ms", "finish_reason", "adapter_ids"}) {
    EXPECT_TRUE(report.contains(field)) << field;
  }
  EXPECT_GT(report["prompt_tokens"], 0);
  EXPECT_GT(report["generated_tokens"], 0);
  EXPECT_TRUE(report["adapter_ids"].empty());
  const Finished plain = sandbox.Run({"generate", "-p", "The sea", "-n", "12", "--temp", "0"});
  EXPECT_EQ(plain.out, report["text"].get<std::string>() + "\n");
}

TEST(Generate, IsTheSameForAnyNumberOfThreads) {
  const Sandbox sandbox;
  const auto one = Generate(sandbox, {"-p", "In the morning", "-n", "16", "-t", "1"}).Json();
  const auto three = Generate(sandbox, {"-p", "In the morning", "-n", "16", "-t", "3"}).Json();
  EXPECT_EQ(one["text"], three["text"]);
}

TEST(Generate, RepeatsADrawWithTheSameSeed) {
  const Sandbox sandbox;
  const std::vector<std::string> seeded = {"generate", "-p", "Once", "-n",     "24",
                                           "--json",   "-s", "7",    "--temp", "1.5"};
  EXPECT_EQ(sandbox.Run(seeded).Json()["text"], sandbox.Run(seeded).Json()["text"]);
}

TEST(Generate, TakesAnEmptyPrompt) {  // H01
  const Sandbox sandbox;
  const Finished finished = Generate(sandbox, {"-p", "", "-n", "4"});
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.Json()["generated_tokens"], 4);
}

TEST(Generate, ReplacesInvalidUtf8InThePrompt) {  // H01
  const Sandbox sandbox;
  const std::string with_nul("a\0b\xFF\xC3", 5);
  const Finished finished = Generate(sandbox, {"-f", "-", "-n", "4"}, with_nul);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
}

TEST(Generate, RefusesPromptsThatDoNotFit) {  // H01, H02
  const Sandbox sandbox;
  std::string emoji;
  for (int i = 0; i < 100'000; ++i) emoji += "\xF0\x9F\x90\x9D";
  for (const std::string& prompt :
       {std::string(100 << 20, 'x'), std::string(1 << 20, 'w'), emoji}) {
    const Finished finished =
        sandbox.Run({"generate", "-f", sandbox.Write("prompt", prompt), "-n", "1"});
    EXPECT_TRUE(FailsWith(finished, 4));
    EXPECT_NE(finished.err.find("prompt: "), std::string::npos) << finished.err;
    EXPECT_NE(finished.err.find("context"), std::string::npos) << finished.err;
  }
}

TEST(Generate, EndsWithTheContextAtTheLatest) {  // H02
  const Sandbox sandbox;
  const auto info = sandbox.Run({"model", "info", "--json"}).Json();
  const auto report = Generate(sandbox, {"-p", "a", "-n", "-1", "-c", "24", "--ignore-eos"}).Json();
  EXPECT_EQ(report["finish_reason"], "length");
  EXPECT_EQ(report["prompt_tokens"].get<int>() + report["generated_tokens"].get<int>(), 24);
  const auto huge =
      Generate(sandbox, {"-p", "a", "-n", "2147483648", "-c", "24", "--ignore-eos"}).Json();
  EXPECT_EQ(huge["text"], report["text"]);
  EXPECT_GT(info["context_length"], 24);
}

TEST(Generate, ShiftsTheContextOnlyWhenAsked) {
  const Sandbox sandbox;
  const auto shifted = Generate(sandbox, {"-p", "a", "-n", "60", "-c", "24", "--ignore-eos",
                                          "--context-shift", "--keep", "2"})
                           .Json();
  EXPECT_EQ(shifted["generated_tokens"], 60);
  EXPECT_GT(shifted["context_shifts"], 1);
  EXPECT_EQ(shifted["context_full"], false);
  const auto ended =
      sandbox.Run({"generate", "-p", "a", "-n", "60", "-c", "24", "--ignore-eos", "--temp", "0"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_NE(ended.err.find("the context is full"), std::string::npos) << ended.err;
}

TEST(Generate, ADamagedPromptCacheIsSaidAndReplaced) {
  Sandbox sandbox;
  sandbox.environment["SELVEDGE_HOME"] = sandbox.path("home");
  ASSERT_EQ(sandbox.Run({"init"}).exit_code, 0);
  const std::vector<std::string> arguments = {"generate", "-p", "The sea lay still", "-n",    "4",
                                              "--temp",   "0",  "--prompt-cache",    "--json"};
  const auto first = sandbox.Run(arguments);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  std::filesystem::path cache;
  for (const auto& file :
       std::filesystem::directory_iterator(sandbox.path("home") + "/checkpoints")) {
    cache = file.path();
  }
  const auto size = std::filesystem::file_size(cache);
  for (const auto cut : {size - 1, size / 2, size_t{9}, size_t{0}}) {
    EXPECT_EQ(sandbox.Run(arguments).Json()["cached_tokens"], first.Json()["prompt_tokens"]);
    std::filesystem::resize_file(cache, cut);
    const auto again = sandbox.Run(arguments);
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(again.Json()["text"], first.Json()["text"]);
    EXPECT_EQ(again.Json()["cached_tokens"], 0);
    EXPECT_EQ(std::count(again.err.begin(), again.err.end(), '\n'), 1) << again.err;
    EXPECT_NE(again.err.find("prompt cache"), std::string::npos) << again.err;
  }
}

TEST(Generate, GeneratesNothingForZero) {  // H02
  const Sandbox sandbox;
  const auto report = Generate(sandbox, {"-p", "a", "-n", "0"}).Json();
  EXPECT_EQ(report["text"], "");
  EXPECT_EQ(report["finish_reason"], "length");
}

TEST(Generate, TakesSpecialTokensInThePromptAsText) {  // H05
  const Sandbox sandbox;
  const auto text = sandbox.Run({"model", "tokenize", "</s>", "--json"}).Json()["ids"];
  const auto special =
      sandbox.Run({"model", "tokenize", "</s>", "--parse-special", "--json"}).Json()["ids"];
  EXPECT_GT(text.size(), 1u);
  EXPECT_NE(text, special);
  const auto plain = Generate(sandbox, {"-p", "</s>", "-n", "1"}).Json();
  const auto parsed = Generate(sandbox, {"-p", "</s>", "-n", "1", "--parse-special"}).Json();
  EXPECT_GT(plain["prompt_tokens"], parsed["prompt_tokens"]);
}

TEST(Generate, EndsBeforeAStopText) {
  const Sandbox sandbox;
  const std::string text = Generate(sandbox, {"-p", "The sea", "-n", "24"}).Json()["text"];
  const std::string stop = text.substr(text.size() / 2, 4);
  const auto report = Generate(sandbox, {"-p", "The sea", "-n", "24", "--stop", stop}).Json();
  EXPECT_EQ(report["finish_reason"], "stop");
  EXPECT_EQ(report["text"], text.substr(0, text.find(stop)));
}

TEST(Generate, ReportsAFullDevice) {  // H16
  Sandbox sandbox;
  sandbox.stdout_path = "/dev/full";
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"generate", "-p", "a", "-n", "4"},
        std::vector<std::string>{"model", "info", "--json"}, std::vector<std::string>{"--help"}}) {
    const Finished finished = sandbox.Run(arguments);
    EXPECT_EQ(finished.exit_code, 8);
    EXPECT_NE(finished.err.find("selvedge: stdout: write failed"), std::string::npos);
  }
}

TEST(Generate, EndsQuietlyWhenNobodyReads) {  // H06, H16
  const Sandbox sandbox;
  Running running(sandbox, {"generate", "-p", "a", "-n", "-1", "--ignore-eos", "--quiet"});
  running.CloseOutput();
  EXPECT_EQ(running.Wait(), 8);
}

TEST(Generate, StopsOnASignalWithItsExitCode) {  // H06
  for (const int number : {SIGINT, SIGTERM}) {
    const Sandbox sandbox;
    Running running(sandbox, {"chat", "--quiet", "--json"});
    running.Send("hello\n");
    EXPECT_NE(running.ReadLine(), "");
    running.Signal(number);
    EXPECT_EQ(running.Wait(), 128 + number);
  }
}

TEST(Generate, ChatGoesOnAfterALineThatNoContextHolds) {
  const Sandbox sandbox;
  Running running(sandbox, {"chat", "--quiet", "--json", "-n", "4"});
  std::string longer_than_the_context;
  for (int i = 0; i < 4000; ++i) longer_than_the_context += "nine ";
  for (const std::string& line : {longer_than_the_context, std::string((1 << 20) + 1, 'a')}) {
    running.Send("hello\n");
    EXPECT_TRUE(nlohmann::json::parse(running.ReadLine()).contains("text"));
    running.Send(line + "\n");
    EXPECT_EQ(nlohmann::json::parse(running.ReadLine())["error"]["code"], "LIMIT");
  }
  running.CloseInput();
  EXPECT_EQ(running.Wait(), 0);
}

TEST(Generate, WritesNoEscapesIntoPipes) {  // H16
  Sandbox sandbox;
  sandbox.environment["TERM"] = "xterm-256color";
  const Finished finished = sandbox.Run({"generate", "-p", "a", "-n", "4"});
  EXPECT_EQ(finished.out.find('\033'), std::string::npos);
  EXPECT_EQ(finished.err.find('\033'), std::string::npos);
}

TEST(Generate, ReadsAndWritesNumbersTheSameInEveryLocale) {  // H18
  Sandbox sandbox;
  const std::vector<std::string> arguments = {
      "privacy", "epsilon", "--noise-multiplier", "2.5", "--steps", "10", "--delta", "1e-5"};
  const Finished plain = sandbox.Run(arguments);
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  for (const char* locale : {"de_DE.UTF-8", "tr_TR.UTF-8", "C"}) {
    sandbox.environment["LC_ALL"] = locale;
    EXPECT_EQ(sandbox.Run(arguments).out, plain.out) << locale;
    EXPECT_EQ(Generate(sandbox, {"-p", "Gr\u00fc\u00dfe aus \u0130zmir", "-n", "1"}).exit_code, 0);
  }
}

TEST(Generate, NeverLoadsTheTrainingLibraries) {
  Sandbox sandbox;
  sandbox.environment["LD_DEBUG"] = "files";
  sandbox.environment["LD_DEBUG_OUTPUT"] = sandbox.path("loaded");
  Running running(sandbox, {"generate", "-p", "a", "-n", "1", "--quiet"});
  const std::string log = sandbox.path("loaded." + std::to_string(running.pid()));
  EXPECT_EQ(running.Wait(), 0);
  std::ifstream file(log);
  std::stringstream trace;
  trace << file.rdbuf();
  EXPECT_NE(trace.str().find("libstdc++"), std::string::npos) << "no trace of the loader";
  for (const char* library : {"libtorch", "libc10", "libselvedge_trainer"}) {
    EXPECT_EQ(trace.str().find(library), std::string::npos) << library;
  }
}

TEST(Eval, ReportsPerplexityOfTheLoss) {
  const Sandbox sandbox;
  const std::string file = sandbox.Write("text", "The boats stayed in the harbour all day.\n");
  const Finished finished = sandbox.Run({"eval", "--text", file, "--json"});
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const auto report = finished.Json();
  EXPECT_NEAR(report["ppl"].get<double>(), std::exp(report["loss"].get<double>()), 1e-9);
  EXPECT_EQ(report["words"], 8);
  EXPECT_LE(report["top1"], report["top3"]);
  EXPECT_LE(report["word_top1"], report["word_top3"]);
}

TEST(Eval, ScoresLinesAndJsonLinesAlike) {
  const Sandbox sandbox;
  const auto lines = sandbox.Run(
      {"eval", "--lines", "--json", "--text", sandbox.Write("a.txt", "one two\nthree four\n")});
  const auto jsonl = sandbox.Run({"eval", "--json", "--text",
                                  sandbox.Write("a.jsonl",
                                                "{\"text\": \"one two\"}\n"
                                                "{\"text\": \"three four\"}\n")});
  EXPECT_EQ(lines.Json(), jsonl.Json());
  EXPECT_EQ(lines.Json()["documents"], 2);
}

TEST(Eval, RefusesEmptyAndMalformedTexts) {
  const Sandbox sandbox;
  EXPECT_TRUE(FailsWith(sandbox.Run({"eval", "--text", sandbox.Write("empty", "")}), 2));
  EXPECT_TRUE(FailsWith(sandbox.Run({"eval", "--text", sandbox.Write("a.jsonl", "no json")}), 4));
  EXPECT_TRUE(FailsWith(sandbox.Run({"eval", "--text", sandbox.path("absent")}), 3));
  EXPECT_TRUE(FailsWith(sandbox.Run({"eval", "--text", sandbox.path("")}), 4));
}

}  // namespace
}  // namespace selvedge::cli_test
