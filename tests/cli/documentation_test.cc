// What the documents say of commands and options, against the program's own help.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/cli/command.h"
#include "tests/cli/command_tree.h"

namespace selvedge::cli_test {
namespace {

namespace fs = std::filesystem;

std::string ReadDocument(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path.filename();
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> Documents() {
  const fs::path source = SELVEDGE_SOURCE_DIR;
  std::vector<fs::path> found = {source / "README.md", source / "CONTRIBUTING.md",
                                 source / "models/default/README.md"};
  for (const auto& entry : fs::recursive_directory_iterator(source / "docs")) {
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  }
  return found;
}

std::vector<std::string> Words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// The command lines in a document: lines that begin with the command, and `selvedge ...` in the
// text (not in a format, where that may be bytes of a file); up to a comment, a pipe or a
// redirection.
std::vector<std::string> CommandLinesIn(const fs::path& document) {
  const std::string text = ReadDocument(document);
  const bool format = document.parent_path().filename() == "formats";
  std::vector<std::string> found;
  const std::regex shown(R"((?:^|\n)[ $]*(?:\S*/)?selvedge ([^\n#>;&|]+)|`selvedge ([^`]+)`)");
  for (auto it = std::sregex_iterator(text.begin(), text.end(), shown);
       it != std::sregex_iterator(); ++it) {
    if ((*it)[1].matched) {
      found.push_back((*it)[1]);
    } else if (!format) {
      found.push_back((*it)[2]);
    }
  }
  return found;
}

// Whether a help page names the option, alone or among others: "-p, --prompt TEXT".
bool Offers(const std::string& page, const std::string& option) {
  return std::regex_search(page, std::regex("(^|[ \n])" + option + "([, =\n]|$)"));
}

// What is wrong with a command line, or nothing. `a|b` stands for either.
std::string Fault(const std::map<std::string, std::string>& commands, const std::string& global,
                  const std::string& line) {
  std::string command;
  const std::string* page = nullptr;
  for (std::string word : Words(line)) {
    std::erase_if(word, [](char c) { return c == '[' || c == ']' || c == '"' || c == '\''; });
    if (word.starts_with("-") && word.size() > 1 && std::isdigit(word[1]) == 0) {
      const std::string option = word.substr(0, word.find('='));
      if (!Offers(global, option) && (page == nullptr || !Offers(*page, option))) return option;
    } else if (page == nullptr) {
      command += (command.empty() ? "" : " ") + word.substr(0, word.find_first_of("\\|"));
      const auto found = commands.find(command);
      if (found != commands.end()) page = &found->second;
    }
  }
  const bool group = std::any_of(commands.begin(), commands.end(), [&](const auto& one) {
    return one.first.starts_with(command + " ");
  });
  return page != nullptr || group || command == "COMMAND" || command.empty() ? "" : command;
}

TEST(Documentation, ShowsOnlyCommandsAndOptionsThatThereAre) {
  const Sandbox sandbox;
  const std::map<std::string, std::string> commands = CommandsOf(sandbox);
  const std::string global = sandbox.Run({"--help"}).out;
  size_t lines = 0;
  for (const fs::path& document : Documents()) {
    for (const std::string& line : CommandLinesIn(document)) {
      ++lines;
      EXPECT_EQ(Fault(commands, global, line), "")
          << document.filename().string() << ": selvedge " << line;
    }
  }
  EXPECT_GT(lines, 20u);
  EXPECT_EQ(Fault(commands, global, "train --now --epsilonn 4"), "--epsilonn");
  EXPECT_EQ(Fault(commands, global, "adapters forget a-1"), "adapters forget a-1");
}

// docs/cli.md has tables whose first column is `data list\|show [--id I]`.
std::set<std::string> CommandsInTables(const std::string& text) {
  std::set<std::string> found;
  std::istringstream lines(text);
  const std::regex code("`([^`]+)`");
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string cell = line.substr(0, line.find(" | "));
    for (auto it = std::sregex_iterator(cell.begin(), cell.end(), code);
         it != std::sregex_iterator(); ++it) {
      std::vector<std::string> names = {""};
      for (const std::string& word : Words((*it)[1])) {
        if (word.find_first_of("-[<") == 0 || std::isupper(word[0]) != 0 ||
            std::isdigit(word[0]) != 0) {
          break;
        }
        std::vector<std::string> longer;
        const std::string parts = std::regex_replace(word, std::regex(R"(\\\|)"), " ");
        for (const std::string& part : Words(parts)) {
          for (const std::string& name : names) longer.push_back(name + " " + part);
        }
        names = longer;
      }
      for (const std::string& name : names) {
        if (!name.empty()) found.insert(name.substr(1));
      }
    }
  }
  return found;
}

TEST(Documentation, OfTheCommandListsEveryOne) {
  const Sandbox sandbox;
  const std::set<std::string> listed =
      CommandsInTables(ReadDocument(fs::path(SELVEDGE_SOURCE_DIR) / "docs/cli.md"));
  for (const auto& [command, page] : CommandsOf(sandbox)) {
    EXPECT_TRUE(listed.contains(command)) << command;
  }
}

// [text](path) or [text](path#heading), from the document's own folder.
TEST(Documentation, LinksToFilesThatThereAre) {
  size_t links = 0;
  const std::regex link(R"(\]\(([^)\s:#]+)(#[^)\s]*)?\))");
  for (const fs::path& document : Documents()) {
    const std::string text = ReadDocument(document);
    for (auto it = std::sregex_iterator(text.begin(), text.end(), link);
         it != std::sregex_iterator(); ++it) {
      ++links;
      EXPECT_TRUE(fs::exists(document.parent_path() / (*it)[1].str()))
          << document.filename().string() << ": " << (*it)[1];
    }
  }
  EXPECT_GT(links, 20u);
}

}  // namespace
}  // namespace selvedge::cli_test
