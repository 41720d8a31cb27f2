#include "storage/vault/vault.h"

#include <linux/keyctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <chrono>

#include "storage/vault/schema.h"
#include "tests/storage/vault/home_fixture.h"

namespace selvedge::vault {
namespace {

using Vaults = HomeTest;

KeySource KeyFile(const std::string& path) { return {path, ""}; }
KeySource PassphraseFile(const std::string& path) { return {"", path}; }

TEST_F(Vaults, CreateMakesPrivateFilesOnly) {
  const mode_t before = umask(0);
  MakeHome();
  umask(before);
  struct stat st {};
  ASSERT_EQ(stat(home_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(home_)) {
    ASSERT_EQ(stat(entry.path().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, entry.is_directory() ? 0700u : 0600u) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 5);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root_), {}), 1) << "staging is left";
}

TEST_F(Vaults, CreateRefusesAPlaceThatIsTaken) {
  MakeHome();
  auto again = Vault::Create(home_, {}, [](Vault&) { return OkStatus(); });
  EXPECT_EQ(again.status().code(), StatusCode::kUsage);
  EXPECT_NE(MustOpen(), nullptr);
  std::filesystem::create_directories(root_ / "full/x");
  EXPECT_EQ(Vault::Create((root_ / "full").string(), {}, [](Vault&) { return OkStatus(); })
                .status()
                .code(),
            StatusCode::kUsage);
}

TEST_F(Vaults, AFailedCreateLeavesNothing) {
  auto vault = Vault::Create(home_, {}, [](Vault&) { return UsageError("no"); });
  EXPECT_EQ(vault.status().code(), StatusCode::kUsage);
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(Vaults, OpensWithEachKindOfKey) {
  const std::string raw = WriteText("raw", std::string(32, '\x05'));
  const std::string hex =
      WriteText("hex", "0505050505050505050505050505050505050505050505050505050505050505\n");
  MakeHome(KeyFile(raw));
  EXPECT_EQ(OpenCode(KeyFile(raw)), StatusCode::kOk);
  EXPECT_EQ(OpenCode(KeyFile(hex)), StatusCode::kOk) << "same key, other spelling";
  EXPECT_EQ(MustOpen(KeyFile(raw))->provider(), "key-file");

  std::filesystem::remove_all(home_);
  const std::string pass = WriteText("pass", "correct horse\nsecond line\n");
  MakeHome(PassphraseFile(pass));
  EXPECT_EQ(OpenCode(PassphraseFile(pass)), StatusCode::kOk);
  EXPECT_EQ(OpenCode(PassphraseFile(WriteText("p2", "correct horse\r\n"))), StatusCode::kOk);
  EXPECT_FALSE(std::filesystem::exists(home_ + "/key"));
}

// D01
TEST_F(Vaults, WrongKeysAreRefusedAndChangeNothing) {
  const std::string pass = WriteText("pass", "correct horse");
  MakeHome(PassphraseFile(pass));
  const std::vector<uint8_t> db = Slurp(home_ + "/vault.db");
  EXPECT_EQ(OpenCode(PassphraseFile(WriteText("p", "wrong"))), StatusCode::kAuth);
  EXPECT_EQ(OpenCode(PassphraseFile(WriteText("p", ""))), StatusCode::kAuth);
  EXPECT_EQ(OpenCode(PassphraseFile(WriteText("p", "\n"))), StatusCode::kAuth);
  EXPECT_EQ(OpenCode(PassphraseFile(WriteText("p", std::string("correct horse\0", 14)))),
            StatusCode::kAuth);
  EXPECT_EQ(OpenCode(PassphraseFile(WriteText("p", "\xff\xfe"))), StatusCode::kAuth);
  EXPECT_EQ(OpenCode(PassphraseFile(WriteText("p", std::string(1 << 20, 'a')))),
            StatusCode::kLimit);
  EXPECT_EQ(OpenCode(PassphraseFile((root_ / "gone").string())), StatusCode::kKeyLost);
  EXPECT_EQ(OpenCode(KeyFile(WriteText("k", std::string(32, 'k')))), StatusCode::kAuth);
  EXPECT_EQ(OpenCode(KeyFile(WriteText("k", std::string(31, 'k')))), StatusCode::kAuth);
  EXPECT_EQ(OpenCode({"a", "b"}), StatusCode::kUsage);
  EXPECT_EQ(Slurp(home_ + "/vault.db"), db);
  EXPECT_EQ(OpenCode(PassphraseFile(pass)), StatusCode::kOk);
}

TEST_F(Vaults, NamesBothProvidersWhenTheyDiffer) {
  MakeHome(PassphraseFile(WriteText("pass", "x")));
  const Status s = Vault::Open(home_, {}).status();
  EXPECT_NE(s.message().find("passphrase"), std::string::npos);
  EXPECT_NE(s.message().find("home-key-file"), std::string::npos);
}

// D02
TEST_F(Vaults, EveryChangeOfTheKeyBlobIsRefused) {
  MakeHome();
  const std::string path = home_ + "/key.json";
  const std::vector<uint8_t> good = Slurp(path);
  const std::vector<uint8_t> db = Slurp(home_ + "/vault.db");
  for (size_t n = 0; n < good.size(); ++n) {
    Spill(path, {good.begin(), good.begin() + static_cast<long>(n)});
    EXPECT_EQ(OpenCode(), StatusCode::kAuth) << "cut to " << n;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    std::vector<uint8_t> bytes = good;
    bytes[i] = static_cast<uint8_t>(bytes[i] ^ (1 << (i % 8)));
    Spill(path, bytes);
    ASSERT_EQ(OpenCode(), StatusCode::kAuth) << "byte " << i;
  }
  std::filesystem::remove(path);
  EXPECT_EQ(OpenCode(), StatusCode::kKeyLost);
  EXPECT_EQ(Slurp(home_ + "/vault.db"), db);
  Spill(path, good);
  EXPECT_EQ(OpenCode(), StatusCode::kOk);
}

TEST_F(Vaults, ALostHomeKeyFileIsSaidToBeLost) {
  MakeHome();
  std::filesystem::remove(home_ + "/key");
  EXPECT_EQ(OpenCode(), StatusCode::kKeyLost);
}

TEST_F(Vaults, NoHomeIsNotFound) {
  EXPECT_EQ(OpenCode(), StatusCode::kNotFound);
  std::filesystem::create_directories(home_);
  EXPECT_EQ(OpenCode(), StatusCode::kNotFound);
}

// D10
TEST_F(Vaults, RefusesANewerSchema) {
  ASSERT_TRUE(
      MakeHome()
          ->database()
          .Execute("UPDATE schema_version SET version = " + std::to_string(kSchemaVersion + 1))
          .ok());
  EXPECT_EQ(OpenCode(), StatusCode::kIncompatible);
}

TEST_F(Vaults, RefusesTriggersAndViews) {
  ASSERT_TRUE(MakeHome()
                  ->database()
                  .Execute("CREATE TRIGGER t AFTER INSERT ON records BEGIN"
                           " UPDATE consents SET granted = 1; END")
                  .ok());
  EXPECT_EQ(OpenCode(), StatusCode::kIncompatible);
}

TEST_F(Vaults, RefusesAMissingTable) {
  ASSERT_TRUE(MakeHome()->database().Execute("DROP TABLE activations").ok());
  EXPECT_EQ(OpenCode(), StatusCode::kFormat);
}

TEST_F(Vaults, MissingDatabaseIsAnError) {
  MakeHome();
  std::filesystem::remove(home_ + "/vault.db");
  EXPECT_EQ(OpenCode(), StatusCode::kFormat);
}

// D12
TEST_F(Vaults, TwoOpenersShareOneHome) {
  auto a = MakeHome();
  auto b = MustOpen();
  ASSERT_TRUE(a->Update([&] { return a->settings().SetText("x", "1"); }).ok());
  EXPECT_EQ(*b->settings().GetText("x"), "1");
  ASSERT_TRUE(b->Update([&] { return b->settings().SetText("x", "2"); }).ok());
  EXPECT_EQ(*a->settings().GetText("x"), "2");
}

TEST_F(Vaults, SecondWriterIsBusyAfterATimeout) {
  auto a = MakeHome();
  auto b = MustOpen();
  auto tx = Transaction::Begin(a->database());
  ASSERT_TRUE(tx.ok());
  EXPECT_EQ(b->settings().GetText("schema").status().code(), StatusCode::kFormat) << "reads go on";
  EXPECT_EQ(b->Update([] { return OkStatus(); }).code(), StatusCode::kBusy);
}

TEST_F(Vaults, NewKeyReplacesTheOld) {
  auto vault = MakeHome();
  ASSERT_TRUE(vault->Update([&] { return vault->settings().SetText("x", "kept"); }).ok());
  const std::string file = WriteText("k", std::string(32, 'k'));
  ASSERT_TRUE(vault->ChangeKey(KeyFile(file)).ok());
  EXPECT_FALSE(std::filesystem::exists(home_ + "/key"));
  EXPECT_EQ(OpenCode(), StatusCode::kAuth);
  EXPECT_EQ(*MustOpen(KeyFile(file))->settings().GetText("x"), "kept");
  ASSERT_TRUE(MustOpen(KeyFile(file))->ChangeKey({}).ok());
  EXPECT_EQ(*MustOpen()->settings().GetText("x"), "kept");
}

TEST_F(Vaults, TheHomesOwnKeyFileCanBeReplaced) {
  auto vault = MakeHome();
  ASSERT_TRUE(vault->Update([&] { return vault->settings().SetText("x", "kept"); }).ok());
  const std::vector<uint8_t> old_key = Slurp(home_ + "/key");
  ASSERT_TRUE(vault->ChangeKey({}).ok());
  EXPECT_NE(Slurp(home_ + "/key"), old_key);
  EXPECT_FALSE(std::filesystem::exists(home_ + "/key.new"));
  EXPECT_EQ(*MustOpen()->settings().GetText("x"), "kept");
  Spill(home_ + "/key", old_key);
  EXPECT_EQ(OpenCode(), StatusCode::kAuth);
}

// What a crash at each point of replacing the home's own key leaves: written by hand, because the
// points lie between system calls.
TEST_F(Vaults, AnInterruptedKeyChangeOpensWithWhatKeyJsonAsksFor) {
  MakeHome();
  const std::vector<uint8_t> old_key = Slurp(home_ + "/key");
  // Before key.json was replaced.
  WriteText("home/key.new", std::string(32, 'n'));
  EXPECT_EQ(OpenCode(), StatusCode::kOk);
  EXPECT_EQ(Slurp(home_ + "/key"), old_key);
  ASSERT_TRUE(MustOpen()->ChangeKey({}).ok()) << "what was left is no hindrance";
  // After it, before the new key took its place.
  const std::vector<uint8_t> new_key = Slurp(home_ + "/key");
  const auto interrupt = [&] {
    std::filesystem::rename(home_ + "/key", home_ + "/key.new");
    Spill(home_ + "/key", old_key);
  };
  interrupt();
  EXPECT_EQ(OpenCode(), StatusCode::kOk);
  EXPECT_EQ(Slurp(home_ + "/key"), new_key);
  EXPECT_FALSE(std::filesystem::exists(home_ + "/key.new"));
  // A process that had the home open all the time changes the key again.
  auto open = MustOpen();
  interrupt();
  ASSERT_TRUE(open->ChangeKey(KeyFile(WriteText("k", std::string(32, 'k')))).ok());
  EXPECT_FALSE(std::filesystem::exists(home_ + "/key"));
  EXPECT_EQ(OpenCode(KeyFile((root_ / "k").string())), StatusCode::kOk);
}

TEST_F(Vaults, AKeyChangeWaitsForWritersAndThenIsBusy) {
  auto vault = MakeHome();
  auto other = MustOpen();
  auto tx = Transaction::Begin(other->database());
  ASSERT_TRUE(tx.ok());
  EXPECT_EQ(vault->ChangeKey({}).code(), StatusCode::kBusy);
  EXPECT_EQ(OpenCode(), StatusCode::kOk);
}

TEST_F(Vaults, AKeyInTheKernelKeyringOpensTheHome) {
  const std::string name = "selvedge-test-" + std::to_string(getpid());
  const std::string key(32, 'k');
  const long id =
      syscall(SYS_add_key, "user", name.c_str(), key.data(), key.size(), KEY_SPEC_PROCESS_KEYRING);
  if (id < 0) GTEST_SKIP() << "no kernel keyring here";
  const KeySource source{"", "", "keyring:" + name};
  MakeHome(source);
  EXPECT_EQ(MustOpen(source)->provider(), "keyring");
  EXPECT_EQ(OpenCode({}), StatusCode::kAuth);
  EXPECT_EQ(OpenCode({"", "", "keyring:" + name + "-absent"}), StatusCode::kKeyLost);
  ASSERT_EQ(syscall(SYS_keyctl, KEYCTL_REVOKE, id), 0);
  EXPECT_EQ(OpenCode(source), StatusCode::kKeyLost);
  EXPECT_EQ(OpenCode({"", "", "kwallet:x"}), StatusCode::kUsage);
  EXPECT_EQ(OpenCode({"", "", "keyring:"}), StatusCode::kUsage);
  EXPECT_EQ(OpenCode({"a", "", "keyring:x"}), StatusCode::kUsage);
}

TEST_F(Vaults, EraseTakesWhatInterruptedWritesLeft) {
  MakeHome();
  for (const char* name : {"key.new", "key.json.tmp-77", "key.tmp-77", "ledger.anchor.tmp-9"}) {
    Spill(home_ + "/" + name, {'x'});
  }
  ASSERT_TRUE(EraseHome(home_).ok());
  EXPECT_FALSE(std::filesystem::exists(home_));
}

// D17: the key is gone first, so an erase that was interrupted is finished by the next one, and in
// between nothing can be read.
TEST_F(Vaults, AnInterruptedEraseLeavesNothingReadableAndCanBeFinished) {
  MakeHome();
  for (const char* name : {"key.json", "key"}) std::filesystem::remove(home_ + "/" + name);
  EXPECT_EQ(OpenCode(), StatusCode::kKeyLost);
  ASSERT_TRUE(EraseHome(home_).ok());
  EXPECT_FALSE(std::filesystem::exists(home_));
}

TEST_F(Vaults, EraseTakesOnlyWhatIsOurs) {
  MakeHome();
  Spill(home_ + "/notes.txt", {'x'});
  ASSERT_TRUE(EraseHome(home_).ok());
  EXPECT_TRUE(std::filesystem::exists(home_ + "/notes.txt"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(home_), {}), 1);
  EXPECT_EQ(EraseHome(home_).code(), StatusCode::kNotFound);
  EXPECT_EQ(OpenCode(), StatusCode::kNotFound);
}

TEST_F(Vaults, EraseFollowsNoLinkAndSaysSo) {
  MakeHome();
  const std::filesystem::path elsewhere = root_ / "elsewhere";
  std::filesystem::create_directories(elsewhere);
  Spill((elsewhere / "photo.jpg").string(), {'x'});
  std::filesystem::remove_all(home_ + "/adapters");
  std::filesystem::create_directory_symlink(elsewhere, home_ + "/adapters");
  const Status erased = EraseHome(home_);
  EXPECT_EQ(erased.code(), StatusCode::kPolicy);
  EXPECT_NE(erased.message().find("adapters: was a link"), std::string::npos) << erased.message();
  EXPECT_FALSE(std::filesystem::exists(home_));
  EXPECT_TRUE(std::filesystem::exists(elsewhere / "photo.jpg"));
}

// The promise of the whole module: a marker that was stored is in no file.
TEST_F(Vaults, NoFileHoldsARecordInPlainText) {
  const std::string marker = "ZANZIBAR-MARKER-4711";
  auto vault = MakeHome();
  ASSERT_TRUE(vault
                  ->Update([&]() -> Status {
                    SELVEDGE_RETURN_IF_ERROR(vault->consents().Grant("notes", kPersonalization, 0));
                    return vault->records().Insert(MakeRecord(*vault, "notes", marker)).status();
                  })
                  .ok());
  const auto search = [&] {
    int files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(home_)) {
      if (!entry.is_regular_file()) continue;
      const std::vector<uint8_t> bytes = Slurp(entry.path());
      EXPECT_EQ(std::search(bytes.begin(), bytes.end(), marker.begin(), marker.end()), bytes.end())
          << entry.path();
      ++files;
    }
    return files;
  };
  ASSERT_TRUE(std::filesystem::exists(home_ + "/vault.db-wal"));
  EXPECT_GE(search(), 5);
  ASSERT_EQ(vault->records().Find({})->front().text, marker);
  vault.reset();
  search();
}

// D08: the log that held the newest rows is gone.
TEST_F(Vaults, ALostWriteAheadLogShowsInTheLedger) {
  auto vault = MakeHome();
  ASSERT_TRUE(
      vault->Update([&] { return vault->consents().Grant("notes", kPersonalization, 0); }).ok());
  const std::string copy = (root_ / "copy").string();
  std::filesystem::copy(home_, copy, std::filesystem::copy_options::recursive);
  std::filesystem::remove(copy + "/vault.db-wal");
  auto without = Vault::Open(copy, {});
  if (without.ok()) {
    EXPECT_FALSE((*without)->CheckLedger()->intact);
  } else {
    EXPECT_EQ(without.status().code(), StatusCode::kFormat);
  }
  EXPECT_TRUE(vault->CheckLedger()->intact);
}

}  // namespace
}  // namespace selvedge::vault
