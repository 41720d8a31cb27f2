// Homes of earlier versions open with everything they had.
//
// SOURCE of golden/home_v1: `selvedge` at commit 63d044c: init --epsilon 8 --delta 1e-5, consent
// grant --source notes, record of 44 lines "On day N I saw a blue kite number N near the harbour
// and wrote it down.", train --now --steps 2 --epsilon 2 --target-modules v_proj --rank 1
// --seq-len 32.

#include "storage/vault/schema.h"
#include "tests/storage/vault/home_fixture.h"

namespace selvedge::vault {
namespace {

class Migration : public HomeTest {
 protected:
  void SetUp() override {
    HomeTest::SetUp();
    const std::filesystem::path golden =
        std::filesystem::path(SELVEDGE_SOURCE_DIR) / "tests/storage/vault/golden/home_v1";
    std::filesystem::copy(golden, home_);
    std::filesystem::permissions(home_, std::filesystem::perms(0700));
    for (const auto& file : std::filesystem::directory_iterator(home_)) {
      std::filesystem::permissions(file.path(), std::filesystem::perms(0600));
    }
  }
};

TEST_F(Migration, AHomeOfVersion1KeepsItsRecordsAndItsLedger) {
  for (int opened = 0; opened < 2; ++opened) {
    auto vault = MustOpen();
    ASSERT_NE(vault, nullptr);
    EXPECT_EQ(*vault->database().QueryInt("SELECT max(version) FROM schema_version"),
              kSchemaVersion);
    EXPECT_EQ(vault->records().Stats({})->records, 44);
    EXPECT_TRUE(vault->CheckLedger()->intact) << vault->CheckLedger()->problem;
    EXPECT_EQ(vault->ledger().Rows({"step"})->size(), 2u);
    EXPECT_EQ(vault->ledger().NewestHead()->rows, vault->ledger().RecordedHead()->rows);
    EXPECT_FALSE(std::filesystem::exists(home_ + "/ledger.anchor"));
  }
}

TEST_F(Migration, ChargesEarlierJobsToEveryGroupTheyMayHaveTaken) {
  auto vault = MustOpen();
  const auto jobs = vault->jobs().List();
  ASSERT_EQ(jobs->size(), 1u);
  const auto charged = vault->jobs().Groups(jobs->front().id, GroupPart::kTrains);
  size_t trained = 0;
  const auto groups = vault->records().Groups();
  for (const GroupRow& group : *groups) {
    EXPECT_GT(group.arrived, 1'790'000'000'000) << "when its record came in";
    trained += group.trained ? 1 : 0;
  }
  EXPECT_GT(trained, 30u);
  EXPECT_EQ(charged->size(), trained);
}

TEST_F(Migration, ALostAnchorOfVersion1StaysLost) {
  std::filesystem::remove(home_ + "/ledger.anchor");
  EXPECT_FALSE(MustOpen()->CheckLedger()->intact);
  auto vault = MustOpen();
  EXPECT_FALSE(vault->CheckLedger()->intact);
  ASSERT_TRUE(vault->Update([&] { return vault->ledger().Append("step", "j", "{}"); }).ok());
  EXPECT_FALSE(vault->CheckLedger()->intact) << "a new row does not make it whole";
}

TEST_F(Migration, AnOlderDatabaseOfVersion1IsStillSeen) {
  { auto vault = MustOpen(); }
  const std::vector<uint8_t> old = Slurp(home_ + "/vault.db");
  {
    auto vault = MustOpen();
    ASSERT_TRUE(vault->Update([&] { return vault->ledger().Append("step", "j", "{}"); }).ok());
  }
  Spill(home_ + "/vault.db", old);
  EXPECT_FALSE(MustOpen()->CheckLedger()->intact);
}

// D11: each step is one transaction, so what a crash can leave is the new key.json and the old
// schema.
TEST_F(Migration, GoesOnAfterACrashBetweenKeyAndDatabase) {
  const std::vector<uint8_t> db = Slurp(home_ + "/vault.db");
  { auto vault = MustOpen(); }
  Spill(home_ + "/vault.db", db);
  auto vault = MustOpen();
  ASSERT_NE(vault, nullptr);
  EXPECT_TRUE(vault->CheckLedger()->intact);
  EXPECT_EQ(*vault->database().QueryInt("SELECT max(version) FROM schema_version"), kSchemaVersion);
}

}  // namespace
}  // namespace selvedge::vault
