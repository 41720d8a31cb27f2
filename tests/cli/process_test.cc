// The command in a process that its caller left short of something: descriptors, file size, memory.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

class Process : public testing::Test {
 protected:
  void SetUp() override {
    sandbox.environment["SELVEDGE_HOME"] = sandbox.path("home");
    ASSERT_EQ(sandbox.Run({"init"}).exit_code, 0);
    ASSERT_EQ(sandbox.Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  }

  int64_t Records() {
    sandbox.before_start = nullptr;
    return sandbox.Run({"data", "stats", "--json"}).Json()["records"];
  }

  // Everything that `doctor` says of the home's own files.
  bool HomeIsWhole() {
    sandbox.before_start = nullptr;
    for (const auto& check : sandbox.Run({"doctor", "--json"}).Json()["checks"]) {
      const std::string name = check["name"];
      if ((name == "home" || name == "database" || name == "ledger") && check["ok"] != true) {
        return false;
      }
    }
    return true;
  }

  Sandbox sandbox;
};

std::function<void()> Limit(__rlimit_resource what, rlim_t value) {
  return [what, value] {
    const rlimit limit{value, value};
    setrlimit(what, &limit);
  };
}

TEST_F(Process, ClosedStandardDescriptorsAreNeverFilesOfTheHome) {
  const std::string input = sandbox.Write("lines.txt", "one line\nanother line\n");
  for (const std::vector<int>& closed :
       {std::vector<int>{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 1, 2}}) {
    sandbox.before_start = [&closed] {
      for (const int fd : closed) close(fd);
    };
    const bool can_report = std::count(closed.begin(), closed.end(), STDOUT_FILENO) == 0;
    EXPECT_EQ(sandbox.Run({"record", "--source", "notes", input}).exit_code, can_report ? 0 : 8);
    // A message is written while the database is open.
    sandbox.Run({"data", "show", "--id", "nobody"});
    EXPECT_EQ(Records(), 2);
    EXPECT_TRUE(HomeIsWhole());
  }
}

TEST_F(Process, AClosedStdinIsNotAnEmptyOne) {
  sandbox.before_start = [] { close(STDIN_FILENO); };
  EXPECT_TRUE(FailsWith(sandbox.Run({"record", "--source", "notes", "-"}), 8));
}

// E05: a full quota. The write fails as on a full disk; the signal that comes with it does not end
// the process in the middle of what it does.
TEST_F(Process, AFileSizeLimitIsAnErrorAndLosesNothing) {
  ASSERT_EQ(sandbox.Run({"record", "--source", "notes", "-"}, "kept line\n").exit_code, 0);
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += "another line, number " + std::to_string(i) + "\n";
  for (const rlim_t bytes : {4096, 40000, 90000}) {
    sandbox.before_start = Limit(RLIMIT_FSIZE, bytes);
    EXPECT_TRUE(FailsWith(sandbox.Run({"record", "--source", "notes", "-"}, lines), 8)) << bytes;
    EXPECT_TRUE(FailsWith(sandbox.Run({"init", "--home", sandbox.path("other")}), 8)) << bytes;
    EXPECT_NE(access(sandbox.path("other").c_str(), F_OK), 0) << bytes;
    EXPECT_EQ(Records(), 1) << bytes;
    EXPECT_TRUE(HomeIsWhole()) << bytes;
  }
  EXPECT_EQ(sandbox.Run({"record", "--source", "notes", "-"}, lines).exit_code, 0);
  EXPECT_EQ(Records(), 2001);
}

TEST_F(Process, TooFewDescriptorsAreAnError) {  // E12
  for (const rlim_t descriptors : {4, 5, 6}) {
    sandbox.before_start = Limit(RLIMIT_NOFILE, descriptors);
    EXPECT_TRUE(FailsWith(sandbox.Run({"data", "stats"}), 8)) << descriptors;
  }
  EXPECT_EQ(Records(), 0);
}

#ifndef SELVEDGE_SANITIZED  // sanitizers need address space of their own
// OpenBLAS, which LibTorch loads, asks for memory again and again where there is none.
TEST_F(Process, TrainingWithoutAddressSpaceEndsAtOnce) {
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += "the boats of day " + std::to_string(i) + " came in\n";
  ASSERT_EQ(sandbox.Run({"record", "--source", "notes", "-"}, lines).exit_code, 0);
  sandbox.before_start = Limit(RLIMIT_AS, rlim_t{800} << 20);
  const Finished finished = sandbox.Run({"train", "--now", "--quiet"});
  EXPECT_TRUE(FailsWith(finished, 8));
  EXPECT_NE(finished.err.find("address space"), std::string::npos) << finished.err;
  sandbox.before_start = nullptr;
  EXPECT_EQ(sandbox.Run({"privacy", "status", "--json"}).Json()["epsilon_spent"], 0);
}
#endif

}  // namespace
}  // namespace selvedge::cli_test
