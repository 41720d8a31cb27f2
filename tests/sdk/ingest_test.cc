#include <algorithm>

#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

using Ingesting = HomeTest;

TEST_F(Ingesting, NeedsConsentOfTheSource) {
  Make();
  const auto stranger = home_->Ingest("mail", RecordFormat::kText, "hello\n", "");
  EXPECT_EQ(stranger.status().code(), StatusCode::kPolicy);
  EXPECT_EQ(home_->Stats({})->records, 0);
  EXPECT_EQ(Ingest("hello\n").added, 1);
  ASSERT_TRUE(home_->Revoke("notes", "personalization").ok());
  EXPECT_EQ(home_->Ingest("notes", RecordFormat::kText, "again\n", "").status().code(),
            StatusCode::kPolicy);
  EXPECT_EQ(home_->Stats({})->records, 1);
}

TEST_F(Ingesting, CountsDuplicatesOverCaseAndWhiteSpace) {
  Make();
  const IngestReport report = Ingest("Hello  World\nhello world\n HELLO\tworld \nhello, world\n");
  EXPECT_EQ(report.added, 2);
  EXPECT_EQ(report.duplicate, 2);
  EXPECT_EQ(Ingest("hello world\n").duplicate, 1);
}

TEST_F(Ingesting, RedactsBeforeStoring) {
  Make();
  const IngestReport report = Ingest("write to anna.smith@example.com today\n");
  EXPECT_EQ(report.redacted_spans, 1);
  const auto records = home_->Records({});
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->front().text, Redact("write to anna.smith@example.com today").text);
  EXPECT_EQ(records->front().text.find("anna"), std::string::npos);
}

TEST_F(Ingesting, GivesAPersonOneNumberInTheWholeHome) {
  Make();
  Ingest("Ada Lovelace came; Lovelace stayed\nI met Ada Lovelace and Amos Hart\n");
  const auto records = home_->Records({});
  ASSERT_EQ(records->size(), 2u);
  const std::string& first = records->at(0).text;
  const std::string ada = first.substr(0, first.find('>') + 1);
  EXPECT_EQ(ada.substr(0, 8), "<PERSON_");
  EXPECT_EQ(first, ada + " came; " + ada + " stayed");
  EXPECT_EQ(records->at(1).text.find("I met " + ada + " and <PERSON_"), 0u);
  EXPECT_EQ(records->at(1).text.find("and " + ada), std::string::npos);
}

TEST_F(Ingesting, GivesAContactOneNumberWhateverIsSaidOfTheName) {
  Make();
  ASSERT_TRUE(home_
                  ->SetRedactionRules("name Ada Lovelace\nname José García\nname Mary Shelley\n"
                                      "name Mary Somerville\n")
                  .ok());
  Ingest(
      "Ada Lovelace came\nAda stayed\nthen Lovelace left\nJosé García came\nJose left\n"
      "Mary came\nMary Shelley left\nMary Somerville stayed\n");
  const auto records = home_->Records({});
  std::vector<std::string> numbers;
  for (const Record& record : *records) {
    const size_t begin = record.text.find("<PERSON_");
    ASSERT_NE(begin, std::string::npos) << record.text;
    numbers.push_back(record.text.substr(begin, record.text.find('>', begin) - begin));
  }
  ASSERT_EQ(numbers.size(), 8u);
  EXPECT_EQ(numbers[1], numbers[0]);
  EXPECT_EQ(numbers[2], numbers[0]);
  EXPECT_EQ(numbers[4], numbers[3]);
  EXPECT_NE(numbers[3], numbers[0]);
  EXPECT_NE(numbers[5], numbers[6]) << "there are two of them";
  EXPECT_NE(numbers[5], numbers[7]);
}

TEST_F(Ingesting, ShowsTheOwnerWhatWasRedactedButSecrets) {
  Make();
  const std::string text =
      "Ada Lovelace: ada@example.org, card 4111 1111 1111 1111, ring 212-555-0142";
  Ingest(text + "\n");
  Reopen();
  const auto revealed = home_->RevealedRecords({});
  ASSERT_TRUE(revealed.ok()) << revealed.status().message();
  EXPECT_EQ(revealed->front().text,
            "Ada Lovelace: ada@example.org, card <CREDIT_CARD>, ring 212-555-0142");
  ASSERT_EQ(*home_->DeleteRecords({}), 1);
  EXPECT_TRUE(home_->RevealedRecords({})->empty());
}

TEST_F(Ingesting, FollowsTheRulesOfTheOwner) {
  Make();
  EXPECT_EQ(*home_->RedactionRulesText(), "");
  EXPECT_EQ(home_->SetRedactionRules("nonsense").code(), StatusCode::kFormat);
  ASSERT_TRUE(
      home_->SetRedactionRules("name Zyndrax Quob\nword PROJECT blue bird\nkeep EMAIL_ADDRESS\n")
          .ok());
  Reopen();
  Ingest("Zyndrax likes Blue Bird, a@example.org\n");
  const std::string text = home_->Records({})->front().text;
  EXPECT_EQ(text.substr(0, 8), "<PERSON_");
  EXPECT_EQ(text.substr(text.find('>')), "> likes <PROJECT>, a@example.org");
}

TEST_F(Ingesting, RefusesOneIdForTwoContents) {
  Make();
  const IngestReport report = Ingest(
      "{\"text\":\"one\",\"id\":\"7\"}\n{\"text\":\"two\",\"id\":\"7\"}\n", RecordFormat::kJsonl);
  EXPECT_EQ(report.added, 1);
  ASSERT_EQ(report.rejected.size(), 1u);
  EXPECT_EQ(report.rejected[0].line, 2);
}

TEST_F(Ingesting, SurvivesReopening) {
  Make();
  Ingest(
      "{\"text\":\"kept\",\"id\":\"k\",\"thread\":\"t\",\"role\":\"user\",\"ts\":\"2026-01-02\"}\n",
      RecordFormat::kJsonl);
  Reopen();
  const auto records = home_->Records({});
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->front().id, "k");
  EXPECT_EQ(records->front().thread, "t");
  EXPECT_EQ(records->front().role, "user");
  EXPECT_EQ(records->front().ts, "2026-01-02T00:00:00Z");
}

TEST_F(Ingesting, LeavesNoPlainTextInAnyFile) {
  Make();
  const std::string marker = "quixotic-zephyr-marker";
  Ingest("this line has a " + marker + " inside\n");
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.path)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(bytes.find(marker), std::string::npos) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 5);
}

TEST_F(Ingesting, HoldsOutAboutOneGroupInTen) {
  Make();
  Ingest(Lines(1000));
  int64_t held = 0;
  const auto eligible = vault().records().Eligible("personalization");
  for (const auto& r : *eligible) held += r.split == vault::Split::kHeldOut;
  // Binomial(1000, 0.1): 60..145 leaves out less than 1 in 10^4.
  EXPECT_GT(held, 60);
  EXPECT_LT(held, 145);
}

TEST_F(Ingesting, AThreadIsOneGroupWhenTheUnitIsTheThread) {
  options_.unit = "thread";
  Make();
  Ingest(Lines(5), RecordFormat::kText, "notes", "t1");
  Ingest(Lines(5, 5), RecordFormat::kText, "notes", "t2");
  Ingest(Lines(2, 10));  // no thread: each for itself
  EXPECT_EQ(home_->Privacy()->groups, 4);
}

TEST_F(Ingesting, ADayIsOneGroupWhenTheUnitIsTheDay) {
  options_.unit = "day";
  Make();
  Ingest(
      "{\"text\":\"a\",\"ts\":\"2026-01-02T01:00:00Z\"}\n{\"text\":\"b\",\"ts\":\"2026-01-02T23:00:"
      "00Z\"}\n"
      "{\"text\":\"c\",\"ts\":\"2026-01-03\"}\n",
      RecordFormat::kJsonl);
  EXPECT_EQ(home_->Privacy()->groups, 2);
}

TEST_F(Ingesting, StopsWhenTheLedgerWasTamperedWith) {
  Make();
  ASSERT_TRUE(vault().database().Execute("UPDATE ledger SET at = at + 1 WHERE n = 1").ok());
  EXPECT_EQ(home_->Ingest("notes", RecordFormat::kText, "x\n", "").status().code(),
            StatusCode::kPolicy);
  EXPECT_FALSE(home_->Privacy()->ledger_intact);
  EXPECT_EQ(home_->Privacy()->epsilon_left, 0);
}

}  // namespace
}  // namespace selvedge
