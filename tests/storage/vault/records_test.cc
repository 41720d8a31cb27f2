#include "storage/vault/records.h"

#include "storage/vault/timestamp.h"
#include "tests/storage/vault/home_fixture.h"

namespace selvedge::vault {
namespace {

class RecordsTest : public HomeTest {
 protected:
  void SetUp() override {
    HomeTest::SetUp();
    vault_ = MakeHome();
    Grant("mail", 0);
    Grant("notes", 30);
  }
  void Grant(const std::string& source, int64_t days) {
    ASSERT_TRUE(
        vault_->Update([&] { return vault_->consents().Grant(source, kPersonalization, days); })
            .ok());
  }
  InsertOutcome Insert(const std::string& source, const std::string& text) {
    return *vault_->records().Insert(MakeRecord(*vault_, source, text));
  }
  std::unique_ptr<Vault> vault_;
};

TEST_F(RecordsTest, TakesEachContentOnce) {
  EXPECT_EQ(Insert("mail", "one"), InsertOutcome::kAdded);
  EXPECT_EQ(Insert("mail", "one"), InsertOutcome::kDuplicate);
  EXPECT_EQ(Insert("notes", "one"), InsertOutcome::kDuplicate);
  NewRecord same_id = MakeRecord(*vault_, "mail", "two");
  same_id.id = MakeRecord(*vault_, "mail", "one").id;
  EXPECT_EQ(*vault_->records().Insert(same_id), InsertOutcome::kIdTaken);
  EXPECT_EQ(vault_->records().Stats({})->records, 1);
}

TEST_F(RecordsTest, RevealsWhatWasKeptAndForgetsItWithTheRecord) {
  NewRecord record = MakeRecord(*vault_, "mail", "<PERSON_7> at <SECRET>, <PERSON_8>");
  record.redacted = {{0, "Ada > Bea"}, {24, "Cy"}};
  ASSERT_TRUE(vault_->records().Insert(record).ok());
  EXPECT_EQ(vault_->records().Find({})->front().text, record.text);
  EXPECT_EQ(vault_->records().FindRevealed({})->front().text, "Ada > Bea at <SECRET>, Cy");
  ASSERT_EQ(vault_->records().Delete({})->size(), 1u);
  EXPECT_EQ(*vault_->database().QueryInt("SELECT count(*) FROM redacted_values"), 0);
}

TEST_F(RecordsTest, RefusesARedactedValueWithoutAPlaceholder) {
  for (const int64_t start : {1, 20, 1000}) {
    NewRecord record = MakeRecord(*vault_, "mail", "<PERSON_7> at " + std::to_string(start));
    record.redacted = {{start, "Ada"}};
    ASSERT_TRUE(vault_->records().Insert(record).ok());
    EXPECT_EQ(vault_->records().FindRevealed({}).status().code(), StatusCode::kFormat);
    ASSERT_TRUE(vault_->records().Delete({}).ok());
  }
}

TEST_F(RecordsTest, FiltersBySourceIdTimeAndLimit) {
  NewRecord old = MakeRecord(*vault_, "mail", "old");
  old.ts = *ParseTime("2020-01-01");
  NewRecord young = MakeRecord(*vault_, "mail", "young \xc3\xa9");
  young.ts = *ParseTime("2026-01-01");
  ASSERT_TRUE(vault_->records().Insert(old).ok());
  ASSERT_TRUE(vault_->records().Insert(young).ok());
  Insert("notes", "note");

  RecordFilter by_source;
  by_source.source = "mail";
  EXPECT_EQ(vault_->records().Find(by_source)->size(), 2u);
  EXPECT_EQ(vault_->records().Stats(by_source)->bytes, 3 + 8);
  by_source.before = "2021-01-01";
  ASSERT_EQ(vault_->records().Find(by_source)->size(), 1u);
  EXPECT_EQ(vault_->records().Find(by_source)->front().text, "old");
  EXPECT_EQ(vault_->records().Find(by_source)->front().ts, "2020-01-01T00:00:00Z");
  RecordFilter by_id;
  by_id.id = young.id;
  EXPECT_EQ(vault_->records().Find(by_id)->front().text, "young \xc3\xa9");
  RecordFilter limited;
  limited.limit = 2;
  EXPECT_EQ(vault_->records().Find(limited)->size(), 2u);
  RecordFilter nonsense;
  nonsense.before = "soon";
  EXPECT_EQ(vault_->records().Find(nonsense).status().code(), StatusCode::kUsage);
  EXPECT_EQ(vault_->records().Delete(by_source)->size(), 1u);
  EXPECT_EQ(vault_->records().Stats({})->records, 2);
}

TEST_F(RecordsTest, OnlyGrantedSourcesAreEligible) {
  Insert("mail", "a");
  Insert("notes", "b");
  EXPECT_EQ(vault_->records().Eligible(kPersonalization)->size(), 2u);
  ASSERT_TRUE(
      vault_->Update([&] { return vault_->consents().Revoke("mail", kPersonalization); }).ok());
  const auto eligible = vault_->records().Eligible(kPersonalization);
  ASSERT_EQ(eligible->size(), 1u);
  EXPECT_EQ(eligible->front().source, "notes");
  EXPECT_TRUE(vault_->records().Eligible("other")->empty());
}

TEST_F(RecordsTest, ExpiryFollowsTheRetentionOfTheSource) {
  Insert("mail", "kept for ever");
  Insert("notes", "kept for 30 days");
  constexpr int64_t kDay = 86400000;
  EXPECT_EQ(*vault_->records().DeleteExpired(NowMs() + 29 * kDay), 0);
  EXPECT_EQ(*vault_->records().DeleteExpired(NowMs() + 31 * kDay), 1);
  EXPECT_EQ(vault_->records().Find({})->front().source, "mail");
}

TEST_F(RecordsTest, AGroupKeepsItsSplit) {
  NewRecord a = MakeRecord(*vault_, "mail", "a");
  a.split = Split::kHeldOut;
  NewRecord b = MakeRecord(*vault_, "mail", "b");
  b.group_key = a.group_key;
  b.split = Split::kTrain;
  ASSERT_TRUE(vault_->records().Insert(a).ok());
  ASSERT_TRUE(vault_->records().Insert(b).ok());
  const auto eligible = vault_->records().Eligible(kPersonalization);
  ASSERT_EQ(eligible->size(), 2u);
  for (const EligibleRecord& r : *eligible) EXPECT_EQ(r.split, Split::kHeldOut);
}

}  // namespace
}  // namespace selvedge::vault
