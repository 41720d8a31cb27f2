#include "core/shared_library.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file_io.h"
#include "tests/core/temp_folder.h"

namespace selvedge::core {
namespace {

class PluginFolder {
 public:
  explicit PluginFolder(const std::string& path) {
    ::setenv("SELVEDGE_PLUGIN_DIR", path.c_str(), 1);
  }
  ~PluginFolder() { ::unsetenv("SELVEDGE_PLUGIN_DIR"); }
};

TEST(SharedLibrary, FindsALibraryBesideTheProgramAndItsSymbols) {
  for (const bool deep_bind : {false, true}) {
    const auto library = SharedLibrary::Load("libcore_test_plugin.so", deep_bind);
    ASSERT_TRUE(library.ok()) << library.status().message();
    const auto answer = reinterpret_cast<int (*)()>(library->Symbol("selvedge_test_answer"));
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer(), 42);
    EXPECT_EQ(library->Symbol("no_such_symbol"), nullptr);
  }
}

TEST(SharedLibrary, TheChosenFolderComesFirst) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("libcore_test_plugin.so"), std::string("junk")).ok());
  const PluginFolder chosen(folder.path());
  const Status status = SharedLibrary::Load("libcore_test_plugin.so", false).status();
  EXPECT_EQ(status.code(), StatusCode::kIncompatible);
  EXPECT_EQ(status.message().find(folder.path()), std::string::npos) << status.message();
}

TEST(SharedLibrary, MissingAndPathLikeNamesAreErrors) {
  EXPECT_EQ(SharedLibrary::Load("libselvedge_absent.so", false).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(SharedLibrary::Load("../libc.so.6", false).status().code(), StatusCode::kUsage);
  EXPECT_EQ(SharedLibrary::Load("", false).status().code(), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge::core
