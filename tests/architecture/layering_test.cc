// The layer table of docs/architecture.md, checked against every #include of the tree.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

using Folders = std::set<std::string>;

// folder -> folders of the repository that it may include from (itself always; include/selvedge
// always).
const std::map<std::string, Folders>& AllowedIncludes() {
  static const std::map<std::string, Folders> table = {
      {"include/selvedge", {}},
      {"core", {}},
      {"storage", {"core"}},
      {"privacy", {"core"}},
      {"adapters", {"core", "storage"}},
      {"inference", {"core", "storage", "adapters"}},
      {"trainer", {"core", "storage", "privacy", "adapters", "inference"}},
      {"models", {}},
      {"sdk", {"core", "storage", "privacy", "adapters", "inference", "trainer", "models"}},
      {"apps", {}},
  };
  return table;
}

// Rooted includes begin with one of these.
std::string FolderOf(const std::string& path) {
  for (const auto& [folder, allowed] : AllowedIncludes()) {
    if (path.starts_with(folder + "/")) return folder;
  }
  return "";
}

struct Include {
  std::string file;  // relative to the repository
  std::string target;
  bool angled;
};

std::vector<Include> IncludesOf(const fs::path& root, const fs::path& file) {
  static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) {
      out.push_back({fs::relative(file, root).generic_string(), match[2], match[1] == "<"});
    }
  }
  return out;
}

std::vector<Include> AllIncludes() {
  const fs::path root = SELVEDGE_SOURCE_DIR;
  std::vector<Include> out;
  for (const auto& [folder, allowed] : AllowedIncludes()) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc" && extension != ".inc") continue;
      for (Include& include : IncludesOf(root, entry.path())) out.push_back(std::move(include));
    }
  }
  return out;
}

TEST(Layering, EveryIncludePointsDown) {
  const std::vector<Include> includes = AllIncludes();
  ASSERT_GT(includes.size(), 100u);
  for (const Include& include : includes) {
    if (include.angled) continue;
    const std::string from = FolderOf(include.file);
    const std::string to = FolderOf(include.target);
    EXPECT_FALSE(to.empty()) << include.file << " includes \"" << include.target
                             << "\", which is not rooted at a folder of the repository";
    if (to.empty() || from == to) continue;
    EXPECT_TRUE(AllowedIncludes().at(from).contains(to))
        << include.file << " includes " << include.target << ": " << from << " may not use " << to;
  }
}

TEST(Layering, ThePublicApiNeedsTheStandardLibraryOnly) {
  static const std::set<std::string> c_headers = {"stdbool.h", "stddef.h", "stdint.h"};
  for (const Include& include : AllIncludes()) {
    if (!include.file.starts_with("include/selvedge/")) continue;
    const bool c_api = include.file == "include/selvedge/c_api.h";
    const bool standard = c_api ? c_headers.contains(include.target)
                                : include.target.find('/') == std::string::npos &&
                                      include.target.find(".h") == std::string::npos;
    EXPECT_TRUE(include.angled && (standard || include.target.starts_with("selvedge/")))
        << include.file << " includes " << include.target;
  }
}

TEST(Layering, ApplicationsUseThePublicApiOnly) {
  static const std::set<std::string> libraries = {"CLI/CLI.hpp", "nlohmann/json.hpp", "httplib.h"};
  for (const Include& include : AllIncludes()) {
    if (!include.file.starts_with("apps/") || !include.angled) continue;
    const bool library = include.target.find('/') != std::string::npos &&
                         !include.target.starts_with("selvedge/") &&
                         !include.target.starts_with("sys/");
    EXPECT_TRUE(!library || libraries.contains(include.target))
        << include.file << " includes " << include.target;
  }
}

TEST(Layering, OnlyTheTrainerIncludesLibTorch) {
  int seen = 0;
  for (const Include& include : AllIncludes()) {
    const bool torch = include.target.starts_with("torch/") ||
                       include.target.starts_with("ATen/") || include.target.starts_with("c10/");
    if (!torch) continue;
    ++seen;
    EXPECT_TRUE(include.file.starts_with("trainer/"))
        << include.file << " includes " << include.target;
    // The mobile-lite subset: what a phone ships.
    const bool mobile_lite = include.target.starts_with("ATen/") ||
                             include.target.starts_with("c10/") ||
                             include.target.starts_with("torch/csrc/autograd/") ||
                             include.target.starts_with("torch/csrc/jit/mobile/");
    EXPECT_TRUE(mobile_lite) << include.file << " includes " << include.target;
  }
  EXPECT_GT(seen, 10);
}

TEST(Layering, OnlyTheVaultIncludesSqliteAndOnlyTheSpmPluginSentencepiece) {
  for (const Include& include : AllIncludes()) {
    if (include.target.find("sqlite3") != std::string::npos) {
      EXPECT_TRUE(include.file.starts_with("storage/vault/")) << include.file;
    }
    if (include.target.find("sentencepiece") != std::string::npos) {
      EXPECT_TRUE(include.file.starts_with("inference/tokenizer/")) << include.file;
    }
  }
}

}  // namespace
