// A home on a disk that someone else fills to the last byte: a small tmpfs in a mount namespace of
// this test's own. Needs the right to mount; skipped without it.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    const std::string disk = sandbox.path("disk");
    std::filesystem::create_directory(disk);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, "") != 0 ||
        mount("none", disk.c_str(), "tmpfs", 0, "size=32m,mode=700") != 0) {
      GTEST_SKIP() << "no right to mount a disk";
    }
    mounted_ = true;
    sandbox.environment["SELVEDGE_HOME"] = sandbox.path("disk/home");
    ASSERT_EQ(sandbox.Run({"init"}).exit_code, 0);
    ASSERT_EQ(sandbox.Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
    ASSERT_EQ(Record("kept line\n").exit_code, 0);
  }

  void TearDown() override {
    if (mounted_) umount2(sandbox.path("disk").c_str(), MNT_DETACH);
  }

  Finished Record(const std::string& lines) {
    return sandbox.Run({"record", "--source", "notes", "-"}, lines);
  }

  void Fill() {
    const int fd = open(sandbox.path("disk/fill").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const std::string block(4096, 'x');
    while (write(fd, block.data(), block.size()) > 0) {
    }
    close(fd);
  }

  Sandbox sandbox;

 private:
  bool mounted_ = false;
};

TEST_F(FullDisk, StillServesAndKeepsItsReserveForErasing) {  // E05
  Fill();
  EXPECT_EQ(sandbox.Run({"data", "stats", "--json"}).Json()["records"], 1);
  EXPECT_EQ(sandbox.Run({"generate", "-p", "a", "-n", "1"}).exit_code, 0);
  // Nobody eats what is kept for erasing.
  Fill();
  EXPECT_TRUE(FailsWith(Record("one line more\n"), 8));
  EXPECT_TRUE(FailsWith(sandbox.Run({"train", "--now", "--quiet"}), 8));
}

TEST_F(FullDisk, ConsentIsWithdrawnAndRecordsAreErased) {  // E05
  Fill();
  EXPECT_TRUE(FailsWith(Record("one line more\n"), 8));
  EXPECT_EQ(sandbox.Run({"consent", "revoke", "--source", "notes"}).exit_code, 0);
  EXPECT_EQ(sandbox.Run({"data", "delete", "--source", "notes", "--yes"}).exit_code, 0);
  EXPECT_EQ(sandbox.Run({"data", "stats", "--json"}).Json()["records"], 0);
  EXPECT_EQ(sandbox.Run({"privacy", "status", "--json"}).Json()["ledger_intact"], true);
  std::filesystem::remove(sandbox.path("disk/fill"));
  ASSERT_EQ(sandbox.Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  EXPECT_EQ(Record("a line after that\n").exit_code, 0);
}

TEST_F(FullDisk, AReadOnlyOneIsNamed) {
  const std::string disk = sandbox.path("disk");
  ASSERT_EQ(mount("none", disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, ""), 0);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"data", "stats"}, {"generate", "-p", "a", "-n", "1"}}) {
    const Finished finished = sandbox.Run(arguments);
    EXPECT_TRUE(FailsWith(finished, 8));
    EXPECT_NE(finished.err.find("cannot be written"), std::string::npos) << finished.err;
  }
  ASSERT_EQ(mount("none", disk.c_str(), nullptr, MS_REMOUNT, ""), 0);
  EXPECT_EQ(sandbox.Run({"data", "stats", "--json"}).Json()["records"], 1);
}

}  // namespace
}  // namespace selvedge::cli_test
