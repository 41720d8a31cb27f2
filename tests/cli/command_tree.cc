#include "tests/cli/command_tree.h"

#include <sstream>
#include <vector>

namespace selvedge::cli_test {
namespace {

// The names in the list "Commands:" of a help page; none where the page has no such list.
std::vector<std::string> NamesIn(const std::string& page) {
  std::vector<std::string> names;
  const size_t begin = page.find("\nCommands:\n");
  if (begin == std::string::npos) return names;
  std::istringstream lines(page.substr(begin + 11, page.find("\n\n", begin) - begin - 11));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("   ")) continue;  // a description goes on
    names.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return names;
}

void Visit(const Sandbox& sandbox, const std::vector<std::string>& path,
           std::map<std::string, std::string>* commands) {
  std::vector<std::string> arguments = path;
  arguments.push_back("--help");
  const Finished help = sandbox.Run(arguments);
  std::string name;
  for (const std::string& word : path) name += (name.empty() ? "" : " ") + word;
  EXPECT_EQ(help.exit_code, 0) << name;
  EXPECT_EQ(help.err, "") << name;
  const std::vector<std::string> below = NamesIn(help.out);
  if (below.empty()) commands->emplace(name, help.out);
  for (const std::string& word : below) {
    std::vector<std::string> next = path;
    next.push_back(word);
    Visit(sandbox, next, commands);
  }
}

}  // namespace

std::map<std::string, std::string> CommandsOf(const Sandbox& sandbox) {
  std::map<std::string, std::string> commands;
  Visit(sandbox, {}, &commands);
  // Far fewer mean that the help was not understood here.
  EXPECT_GT(commands.size(), 40u);
  return commands;
}

}  // namespace selvedge::cli_test
