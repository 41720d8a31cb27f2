#include "storage/vault/ledger.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/storage/vault/home_fixture.h"

namespace selvedge::vault {
namespace {

class LedgerTest : public HomeTest {
 protected:
  std::unique_ptr<Vault> MakeWithRows(int rows) {
    auto vault = MakeHome();
    for (int i = 0; i < rows; ++i) {
      EXPECT_TRUE(vault->Update([&] { return vault->ledger().Append("step", "j", "{}"); }).ok());
    }
    return vault;
  }
  bool Intact(const Vault& vault) {
    auto check = vault.CheckLedger();
    EXPECT_TRUE(check.ok()) << check.status().message();
    return check.ok() && check->intact;
  }
};

TEST_F(LedgerTest, AFreshLedgerIsIntact) {
  auto vault = MakeHome();
  EXPECT_TRUE(Intact(*vault));
  EXPECT_EQ(*vault->ledger().Head(), std::string(64, '0'));
}

TEST_F(LedgerTest, NumbersRowsFromOne) {
  auto vault = MakeWithRows(3);
  EXPECT_TRUE(Intact(*vault));
  auto rows = vault->ledger().Rows({"step"});
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_EQ(rows->front().n, 1);
  EXPECT_EQ(rows->back().n, 3);
}

TEST_F(LedgerTest, EveryTamperingOfARowIsSeen) {
  for (const char* sql :
       {"UPDATE ledger SET body = '{\"steps\":0}' WHERE n = 2",
        "UPDATE ledger SET kind = 'x' WHERE n = 1", "UPDATE ledger SET subject = 'k' WHERE n = 3",
        "UPDATE ledger SET at = at + 1 WHERE n = 2", "DELETE FROM ledger WHERE n = 1",
        "DELETE FROM ledger WHERE n = 2", "DELETE FROM ledger WHERE n = 3", "DELETE FROM ledger",
        "UPDATE ledger SET n = 9 WHERE n = 3",
        "INSERT INTO ledger SELECT 4, at, kind, subject, body, mac FROM ledger WHERE n = 3"}) {
    std::filesystem::remove_all(home_);
    auto vault = MakeWithRows(3);
    ASSERT_TRUE(vault->database().Execute(sql).ok()) << sql;
    EXPECT_FALSE(Intact(*vault)) << sql;
  }
}

TEST_F(LedgerTest, AMissingOrDamagedHeadIsSeen) {
  auto vault = MakeWithRows(2);
  const std::string path = home_ + "/key.json";
  const std::vector<uint8_t> good = Slurp(path);
  for (size_t i = 0; i < good.size(); ++i) {
    std::vector<uint8_t> bytes = good;
    bytes[i] ^= 1;
    Spill(path, bytes);
    // The wrapped key is authenticated when it is unwrapped; here only what the head is bound to.
    const bool seen = !Intact(*vault);
    EXPECT_TRUE(seen || OpenCode() == StatusCode::kAuth) << "byte " << i;
  }
  std::filesystem::remove(path);
  EXPECT_FALSE(Intact(*vault));
  Spill(path, good);
  EXPECT_TRUE(Intact(*vault));
}

// D14: an older database beside the newer key.json.
TEST_F(LedgerTest, AnOlderDatabaseIsSeen) {
  MakeWithRows(2).reset();
  const std::vector<uint8_t> old = Slurp(home_ + "/vault.db");
  {
    auto vault = MustOpen();
    ASSERT_TRUE(vault->Update([&] { return vault->ledger().Append("step", "j", "{}"); }).ok());
  }
  Spill(home_ + "/vault.db", old);
  auto vault = MustOpen();
  EXPECT_FALSE(Intact(*vault));
}

// What a plain key file cannot see (docs/formats/vault.md, section 4): everything put back at once.
TEST_F(LedgerTest, AWholeOlderHomeIsNotSeen) {
  MakeWithRows(2).reset();
  const std::vector<uint8_t> old_db = Slurp(home_ + "/vault.db");
  const std::vector<uint8_t> old_key = Slurp(home_ + "/key.json");
  {
    auto vault = MustOpen();
    ASSERT_TRUE(vault->Update([&] { return vault->ledger().Append("step", "j", "{}"); }).ok());
  }
  Spill(home_ + "/vault.db", old_db);
  Spill(home_ + "/key.json", old_key);
  EXPECT_TRUE(Intact(*MustOpen()));
}

TEST_F(LedgerTest, ACrashBetweenCommitAndHeadIsFine) {
  auto vault = MakeWithRows(2);
  const std::vector<uint8_t> before = Slurp(home_ + "/key.json");
  ASSERT_TRUE(vault->Update([&] { return vault->ledger().Append("step", "j", "{}"); }).ok());
  Spill(home_ + "/key.json", before);
  EXPECT_TRUE(Intact(*vault));
}

// D15: the key of before a change, put back beside the newer database.
TEST_F(LedgerTest, AnOlderKeyIsRefused) {
  const KeySource old_key = {"", WriteText("old", "first")};
  const KeySource new_key = {"", WriteText("new", "second")};
  MakeHome(old_key).reset();
  const std::vector<uint8_t> old_blob = Slurp(home_ + "/key.json");
  ASSERT_TRUE(MustOpen(old_key)->ChangeKey(new_key).ok());
  EXPECT_EQ(OpenCode(new_key), StatusCode::kOk);
  const std::vector<uint8_t> new_blob = Slurp(home_ + "/key.json");
  Spill(home_ + "/key.json", old_blob);
  const Status put_back = Vault::Open(home_, old_key).status();
  EXPECT_EQ(put_back.code(), StatusCode::kAuth);
  EXPECT_NE(put_back.message().find("epoch"), std::string::npos) << put_back.message();
  Spill(home_ + "/key.json", new_blob);
  EXPECT_TRUE(Intact(*MustOpen(new_key)));
}

// A changed key keeps the evidence of a rollback.
TEST_F(LedgerTest, ANewKeyDoesNotHideAnOlderDatabase) {
  MakeWithRows(2).reset();
  const std::vector<uint8_t> old = Slurp(home_ + "/vault.db");
  ASSERT_TRUE(MustOpen()->Update([] { return OkStatus(); }).ok());
  {
    auto vault = MustOpen();
    ASSERT_TRUE(vault->Update([&] { return vault->ledger().Append("step", "j", "{}"); }).ok());
  }
  Spill(home_ + "/vault.db", old);
  const KeySource key = {WriteText("k", std::string(32, 'k')), ""};
  ASSERT_TRUE(MustOpen()->ChangeKey(key).ok());
  EXPECT_FALSE(Intact(*MustOpen(key)));
}

// D13, D16: a consent row that says other than the ledger.
TEST_F(LedgerTest, AConsentFlippedBackIsSeen) {
  auto vault = MakeHome();
  ASSERT_TRUE(
      vault->Update([&] { return vault->consents().Grant("mail", kPersonalization, 30); }).ok());
  ASSERT_TRUE(
      vault->Update([&] { return vault->consents().Revoke("mail", kPersonalization); }).ok());
  EXPECT_TRUE(Intact(*vault));
  ASSERT_TRUE(vault->database().Execute("UPDATE consents SET granted = 1").ok());
  EXPECT_FALSE(Intact(*vault));
}

// A child charges step after step, says so, and is killed at once after the Nth: what it said was
// charged is in the ledger.
TEST_F(LedgerTest, AKillNeverLosesACharge) {
  MakeHome().reset();
  int64_t reported = 0;
  for (int round = 0; round < 12; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      close(pipe_fds[0]);
      auto vault = Vault::Open(home_, {});
      if (!vault.ok()) _exit(1);
      for (;;) {
        if (!(*vault)->Update([&] { return (*vault)->ledger().Append("step", "j", "{}"); }).ok())
          _exit(1);
        if (write(pipe_fds[1], "x", 1) != 1) _exit(1);
      }
    }
    close(pipe_fds[1]);
    char byte = 0;
    for (int i = 0; i <= round % 4; ++i) {
      ASSERT_EQ(read(pipe_fds[0], &byte, 1), 1);
      ++reported;
    }
    usleep(static_cast<useconds_t>(round * 700));
    kill(pid, SIGKILL);
    while (read(pipe_fds[0], &byte, 1) == 1) ++reported;
    close(pipe_fds[0]);
    waitpid(pid, nullptr, 0);
    auto vault = MustOpen();
    ASSERT_TRUE(Intact(*vault));
    EXPECT_GE(static_cast<int64_t>(vault->ledger().Rows({"step"})->size()), reported);
  }
}

}  // namespace
}  // namespace selvedge::vault
