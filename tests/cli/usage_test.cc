// Wrong use of the command line: exit code 2, one line, nothing done. The H and F numbers are those
// of the list of faults that the project is tested against.

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

struct Wrong {
  const char* name;
  std::vector<std::string> arguments;
  const char* hint;  // must stand in the message
};

class UsageOf : public testing::TestWithParam<Wrong> {};

TEST_P(UsageOf, WrongArgumentsEndWithTwoAndOneLine) {
  const Sandbox sandbox;
  const Finished finished = sandbox.Run(GetParam().arguments);
  EXPECT_TRUE(FailsWith(finished, 2));
  EXPECT_NE(finished.err.find(GetParam().hint), std::string::npos) << finished.err;
}

const std::vector<Wrong> kWrong = {
    {"NoCommand", {}, "no command named"},
    {"UnknownCommand", {"generat"}, "did you mean 'generate'?"},
    {"UnknownCommandWithFlags", {"generat", "-p", "a"}, "did you mean 'generate'?"},
    {"ArgumentMissing", {"adapters", "use"}, "ID is required"},
    {"NoSubcommand", {"privacy"}, "status"},
    {"UnknownSubcommand", {"privacy", "statsu"}, "did you mean 'status'?"},
    {"SecondCommand", {"doctor", "demo"}, "demo"},
    {"CommandAfterSubcommand", {"privacy", "status", "demo"}, "demo"},
    {"UnknownFlag", {"generate", "--promt", "a"}, "did you mean '--prompt'?"},              // H15
    {"UnknownGlobalFlag", {"--jsno", "doctor"}, "did you mean '--json'?"},                  // H15
    {"MissingValue", {"generate", "-p"}, "--prompt"},                                       // H15
    {"RepeatedFlag", {"generate", "-p", "a", "-p", "b"}, "--prompt"},                       // H15
    {"PromptAndFile", {"generate", "-p", "a", "-f", "b"}, "--file"},                        // H15
    {"TrailingText", {"generate", "-p", "a", "-n", "12abc"}, "--predict"},                  // H15
    {"NegativePredict", {"generate", "-p", "a", "-n", "-2"}, "--predict"},                  // H02
    {"HugePredict", {"generate", "-p", "a", "-n", "99999999999999999999"}, "--predict"},    // H02
    {"NegativeTemperature", {"generate", "-p", "a", "--temp", "-1"}, "--temp"},             // H03
    {"NanTemperature", {"generate", "-p", "a", "--temp", "nan"}, "--temp"},                 // H03
    {"HugeTemperature", {"generate", "-p", "a", "--temp", "1e30"}, "--temp"},               // H03
    {"NegativeTopK", {"generate", "-p", "a", "--top-k", "-1"}, "--top-k"},                  // H03
    {"HugeTopK", {"generate", "-p", "a", "--top-k", "2147483648"}, "--top-k"},              // H03
    {"TopPAboveOne", {"generate", "-p", "a", "--top-p", "2"}, "--top-p"},                   // H03
    {"TopPZero", {"generate", "-p", "a", "--top-p", "0"}, "top"},                           // H03
    {"SeedOverflow", {"generate", "-p", "a", "--seed", "18446744073709551616"}, "--seed"},  // H03
    {"DecimalComma", {"generate", "-p", "a", "--temp", "0,8"}, "--temp"},                   // H18
    {"HugeContext", {"generate", "-p", "a", "-c", "2147483648"}, "n_ctx"},                  // H02
    {"LearningRateZero", {"train", "--learning-rate", "0"}, "--learning-rate"},             // F06
    {"LearningRateNan", {"train", "--learning-rate", "nan"}, "--learning-rate"},            // F06
    {"LearningRateHuge", {"train", "--learning-rate", "1e9"}, "--learning-rate"},           // F06
    {"BatchZero", {"train", "--batch-size", "0"}, "--batch-size"},                          // F06
    {"StepsHuge", {"train", "--steps", "2147483648"}, "--steps"},                           // F06
    {"RankZero", {"train", "--rank", "0"}, "--rank"},                                       // F06
    {"EpsilonZero", {"train", "--epsilon", "0"}, "--epsilon"},                              // F13
    {"SigmaZero", {"train", "--noise-multiplier", "0"}, "--noise-multiplier"},              // F13
    {"WhenUnknown", {"train", "--when", "charged"}, "charging"},
    {"WhenEmpty", {"train", "--when", ""}, "charging"},
    {"WhenEmptyOnResume", {"jobs", "resume", "--when", ""}, "charging"},
    {"NowAndWhen", {"train", "--now", "--when", "idle"}, "--now"},
    {"BothKeys",
     {"data", "stats", "--key-file", "a", "--passphrase-file", "b"},
     "only one of them"},
    {"LoraWithoutFile", {"generate", "-p", "a", "--lora", "=1"}, "--lora"},
    {"RateAboveOne",
     {"privacy", "epsilon", "--sampling-rate", "2", "--noise-multiplier", "1", "--delta", "1e-5"},
     "--sampling-rate"},
    {"DeltaMissing", {"privacy", "noise", "--epsilon", "1"}, "--delta"},
    {"ComposeMalformed",
     {"privacy", "epsilon", "--compose", "1,2", "--delta", "1e-5"},
     "--compose"},
    {"RetentionMalformed",
     {"consent", "grant", "--source", "s", "--retention", "soon"},
     "--retention"},
    {"DeleteEverything", {"data", "delete"}, "--yes"},
    {"IdsMalformed", {"model", "logits", "--ids", "1,x"}, "--ids"},
};

INSTANTIATE_TEST_SUITE_P(Arguments, UsageOf, testing::ValuesIn(kWrong),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Usage, JsonModeAlsoReportsTheErrorOnStdout) {
  const Sandbox sandbox;
  const Finished finished = sandbox.Run({"generate", "--promt", "a", "--json"});
  EXPECT_EQ(finished.exit_code, 2);
  const auto error = finished.Json()["error"];
  EXPECT_EQ(error["code"], "USAGE");
  EXPECT_EQ("selvedge: " + error["message"].get<std::string>() + "\n", finished.err);
}

TEST(Usage, GlobalOptionsMayStandBeforeOrAfterTheCommand) {
  const Sandbox sandbox;
  const std::vector<std::string> command = {"privacy", "epsilon", "--noise-multiplier",
                                            "2",       "--delta", "1e-5"};
  std::vector<std::string> before = command, after = command;
  before.insert(before.begin(), "--json");
  after.push_back("--json");
  const Finished first = sandbox.Run(before), second = sandbox.Run(after);
  EXPECT_EQ(first.out, second.out);
  EXPECT_GT(first.Json()["epsilon"], 0);
}

TEST(Usage, TextAfterAFlagMayBeginWithADash) {
  const Sandbox sandbox;
  const Finished finished = sandbox.Run({"generate", "-p", "- one", "-n", "0", "--json"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
}

TEST(Usage, TheNameOfACommandIsTextWhereTextIsMeant) {
  const Sandbox sandbox;
  const Finished named = sandbox.Run({"model", "tokenize", "train", "--ids", "--json"});
  ASSERT_EQ(named.exit_code, 0) << named.err;
  EXPECT_FALSE(named.Json()["ids"].empty());
}

}  // namespace
}  // namespace selvedge::cli_test
