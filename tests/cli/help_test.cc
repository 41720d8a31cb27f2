#include <algorithm>
#include <sstream>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

const std::vector<std::vector<std::string>> kCommands = {
    {"demo"},
    {"init"},
    {"consent", "grant"},
    {"consent", "revoke"},
    {"consent", "list"},
    {"record"},
    {"data", "stats"},
    {"data", "list"},
    {"data", "show"},
    {"data", "export"},
    {"data", "delete"},
    {"train"},
    {"jobs", "list"},
    {"jobs", "show"},
    {"jobs", "resume"},
    {"keys", "rotate"},
    {"keys", "show"},
    {"adapters", "merge"},
    {"adapters", "convert"},
    {"wipe"},
    {"serve"},
    {"jobs", "cancel"},
    {"adapters", "list"},
    {"adapters", "show"},
    {"adapters", "use"},
    {"adapters", "rollback"},
    {"adapters", "remove"},
    {"adapters", "verify"},
    {"adapters", "export"},
    {"adapters", "import"},
    {"generate"},
    {"chat"},
    {"eval"},
    {"model", "info"},
    {"model", "verify"},
    {"model", "tokenize"},
    {"model", "logits"},
    {"privacy", "status"},
    {"privacy", "epsilon"},
    {"privacy", "noise"},
    {"privacy", "redact"},
    {"privacy", "rules"},
    {"bench", "decode"},
    {"bench", "prefill"},
    {"bench", "train"},
    {"bench", "swap"},
    {"bench", "ingest"},
    {"bench", "cold-start"},
    {"doctor"},
};

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

size_t LongestLine(const std::string& text) {
  std::istringstream lines(text);
  size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

class HelpOf : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(HelpOf, EachCommandHasAnExampleAndFitsEightyColumns) {
  const Sandbox sandbox;
  std::vector<std::string> arguments = GetParam();
  arguments.push_back("--help");
  const Finished help = sandbox.Run(arguments);
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.err, "");
  EXPECT_NE(help.out.find("Usage: selvedge " + Joined(GetParam())), std::string::npos);
  EXPECT_NE(help.out.find("Example:\n  selvedge " + Joined(GetParam())), std::string::npos);
  EXPECT_LE(LongestLine(help.out), 80u) << help.out;
}

INSTANTIATE_TEST_SUITE_P(Commands, HelpOf, testing::ValuesIn(kCommands), [](const auto& test) {
  std::string name = Joined(test.param);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ' ' || c == '-'; }, '_');
  return name;
});

TEST(Help, ListsEveryCommandAndNoOther) {
  const Sandbox sandbox;
  const Finished help = sandbox.Run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_LE(LongestLine(help.out), 80u) << help.out;
  for (const auto& command : kCommands) {
    EXPECT_NE(help.out.find("\n  " + command.front() + " "), std::string::npos) << command.front();
  }
  const size_t begin = help.out.find("Commands:\n") + 10;
  std::istringstream lines(help.out.substr(begin, help.out.find("\n\n", begin) - begin));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("   ")) continue;
    const std::string name = line.substr(2, line.find(' ', 2) - 2);
    EXPECT_TRUE(std::any_of(kCommands.begin(), kCommands.end(), [&](const auto& command) {
      return command.front() == name;
    })) << name;
  }
}

TEST(Help, PrintsTheVersion) {
  const Sandbox sandbox;
  const Finished version = sandbox.Run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_TRUE(version.out.starts_with("selvedge " SELVEDGE_VERSION)) << version.out;
}

}  // namespace
}  // namespace selvedge::cli_test
