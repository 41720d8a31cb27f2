#include <algorithm>
#include <sstream>

#include "tests/cli/command.h"
#include "tests/cli/command_tree.h"

namespace selvedge::cli_test {
namespace {

size_t LongestLine(const std::string& text) {
  std::istringstream lines(text);
  size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(Help, OfEachCommandHasAnExampleAndFitsEightyColumns) {
  const Sandbox sandbox;
  for (const auto& [command, page] : CommandsOf(sandbox)) {
    EXPECT_NE(page.find("Usage: selvedge " + command), std::string::npos) << page;
    EXPECT_NE(page.find("Example:\n  selvedge " + command), std::string::npos) << page;
    EXPECT_LE(LongestLine(page), 80u) << page;
  }
}

TEST(Help, OfGroupsFitsEightyColumns) {
  const Sandbox sandbox;
  for (const std::vector<std::string>& page :
       {std::vector<std::string>{"--help"}, {"data", "--help"}, {"privacy", "--help"}}) {
    const Finished help = sandbox.Run(page);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_LE(LongestLine(help.out), 80u) << help.out;
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
