// docs/bad_inputs.md names the tests of each bad input; they must be there.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "Subject.Name" of every TEST, TEST_F and TEST_P of the tree.
std::set<std::string> DefinedTests(const fs::path& tests) {
  static const std::regex pattern(R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(tests)) {
    if (entry.path().extension() != ".cc") continue;
    const std::string text = ReadText(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
      names.insert((*it)[1].str() + "." + (*it)[2].str());
    }
  }
  return names;
}

TEST(BadInputs, EveryTestOfTheTableIsThere) {
  const fs::path root = SELVEDGE_SOURCE_DIR;
  const std::set<std::string> defined = DefinedTests(root / "tests");
  const std::string table = ReadText(root / "docs/bad_inputs.md");
  static const std::regex named(R"(`([A-Z]\w+\.[A-Z]\w+)`)");
  int seen = 0;
  for (std::sregex_iterator it(table.begin(), table.end(), named), end; it != end; ++it, ++seen) {
    EXPECT_TRUE(defined.contains((*it)[1].str())) << (*it)[1].str();
  }
  EXPECT_GT(seen, 70);
}

}  // namespace
