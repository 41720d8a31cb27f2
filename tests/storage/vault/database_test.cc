#include "storage/vault/database.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tests/storage/vault/home_fixture.h"

namespace selvedge::vault {
namespace {

class DatabaseTest : public HomeTest {
 protected:
  std::string path() const { return (root_ / "t.db").string(); }
  SecretKey key() const {
    SecretKey k;
    std::fill(k.bytes().begin(), k.bytes().end(), uint8_t{7});
    return k;
  }
  // A database with a few hundred rows, closed.
  void Fill() {
    auto db = Database::Open(path(), key(), true);
    ASSERT_TRUE(db.ok()) << db.status().message();
    ASSERT_TRUE((*db)->Execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)").ok());
    for (int i = 0; i < 300; ++i) {
      auto put = (*db)->Prepare("INSERT INTO t VALUES (?, ?)");
      ASSERT_TRUE(put->Bind(int64_t{i}).Bind(std::string(100, 'x')).Run().ok());
    }
    ASSERT_TRUE((*db)->CheckIntegrity().ok());
  }
};

TEST_F(DatabaseTest, KeepsRowsUnderTheRightKeyOnly) {
  Fill();
  auto db = Database::Open(path(), key(), false);
  ASSERT_TRUE(db.ok());
  EXPECT_EQ(*(*db)->QueryInt("SELECT count(*) FROM t"), 300);
  EXPECT_EQ((*db)->cipher().substr(0, 11), "sqlcipher 4");
  SecretKey other = SecretKey::Random();
  EXPECT_EQ(Database::Open(path(), other, false).status().code(), StatusCode::kFormat);
}

TEST_F(DatabaseTest, FileDoesNotStartAsPlainSqlite) {
  Fill();
  const std::vector<uint8_t> bytes = Slurp(path());
  const std::string magic = "SQLite format 3";
  EXPECT_EQ(std::search(bytes.begin(), bytes.end(), magic.begin(), magic.end()), bytes.end());
}

// In a child, because the limit is for the process.
TEST_F(DatabaseTest, SaysThatMemoryIsUsedUp) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer's shadow memory is beyond every limit";
#endif
  Fill();
  const std::string large(48 << 20, 'y');
  const pid_t child = fork();
  if (child == 0) {
    auto db = Database::Open(path(), key(), false);
    auto put =
        db.ok() ? (*db)->Prepare("INSERT INTO t VALUES (1000, ?)") : Result<Statement>(db.status());
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t limit = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + (16 << 20));
    const rlimit memory{limit, limit};
    if (!put.ok() || setrlimit(RLIMIT_AS, &memory) != 0) _exit(100);
    const Status run = put->Bind(large).Run();  // SQLite copies it
    _exit(static_cast<int>(run.code()));
  }
  int state = 0;
  ASSERT_EQ(waitpid(child, &state, 0), child);
  ASSERT_TRUE(WIFEXITED(state));
  EXPECT_EQ(WEXITSTATUS(state), static_cast<int>(StatusCode::kNoSpace));
}

TEST_F(DatabaseTest, RefusesAPlainDatabase) {
  std::vector<uint8_t> plain(4096, 0);
  const std::string magic("SQLite format 3\0", 16);
  std::copy(magic.begin(), magic.end(), plain.begin());
  Spill(path(), plain);
  const Status s = Database::Open(path(), key(), false).status();
  EXPECT_EQ(s.code(), StatusCode::kInternal);
  EXPECT_NE(s.message().find("encryption not active"), std::string::npos);
  EXPECT_EQ(Slurp(path()), plain);
}

TEST_F(DatabaseTest, ReportsTruncationAtManyLengths) {
  Fill();
  const std::vector<uint8_t> whole = Slurp(path());
  ASSERT_GT(whole.size(), 5 * 4096u);
  std::vector<size_t> lengths = {0, 1, 15, 16, 100, 4095, 4096, 4097};
  for (size_t pages = 2; pages * 4096 < whole.size(); ++pages) lengths.push_back(pages * 4096);
  for (const size_t n : lengths) {
    Spill(path(), {whole.begin(), whole.begin() + static_cast<long>(n)});
    auto db = Database::Open(path(), key(), false);
    const Status s = db.ok() ? (*db)->CheckIntegrity() : db.status();
    EXPECT_EQ(s.code(), StatusCode::kFormat) << n << " bytes: " << s.message();
  }
}

TEST_F(DatabaseTest, ReportsAFlippedBitOnAnyPage) {
  Fill();
  const std::vector<uint8_t> whole = Slurp(path());
  for (size_t page = 0; page < whole.size() / 4096; ++page) {
    std::vector<uint8_t> bytes = whole;
    bytes[page * 4096 + 1000] ^= 0x10;
    Spill(path(), bytes);
    auto db = Database::Open(path(), key(), false);
    const Status s = db.ok() ? (*db)->CheckIntegrity() : db.status();
    EXPECT_EQ(s.code(), StatusCode::kFormat) << "page " << page << ": " << s.message();
  }
}

TEST_F(DatabaseTest, RollsBackWhatIsNotCommitted) {
  Fill();
  auto db = Database::Open(path(), key(), false);
  {
    auto tx = Transaction::Begin(**db);
    ASSERT_TRUE(tx.ok());
    ASSERT_TRUE((*db)->Execute("DELETE FROM t").ok());
  }
  EXPECT_EQ(*(*db)->QueryInt("SELECT count(*) FROM t"), 300);
}

TEST_F(DatabaseTest, RefusesToWorkInAForkedChild) {
  Fill();
  auto db = Database::Open(path(), key(), false);
  const pid_t pid = fork();
  if (pid == 0) {
    const bool refused = (*db)->Execute("SELECT 1").code() == StatusCode::kPolicy;
    _exit(refused ? 0 : 1);
  }
  int state = 0;
  waitpid(pid, &state, 0);
  EXPECT_EQ(WEXITSTATUS(state), 0);
  EXPECT_EQ(*(*db)->QueryInt("SELECT count(*) FROM t"), 300);
}

TEST_F(DatabaseTest, BindsHostileTextAsData) {
  Fill();
  auto db = Database::Open(path(), key(), false);
  const std::string hostile("'); DROP TABLE t; --\0\"", 22);
  auto put = (*db)->Prepare("INSERT INTO t VALUES (?, ?)");
  ASSERT_TRUE(put->Bind(int64_t{1000}).Bind(hostile).Run().ok());
  auto get = (*db)->Prepare("SELECT b FROM t WHERE a = 1000");
  ASSERT_TRUE(*get->Step());
  EXPECT_EQ(get->Text(0), hostile);
  EXPECT_EQ(*(*db)->QueryInt("SELECT count(*) FROM t"), 301);
}

}  // namespace
}  // namespace selvedge::vault
