#include <fstream>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <selvedge/privacy.h>
#include <nlohmann/json.hpp>

// The sample records of the demo: their shape, and that redaction finds what was put there.

namespace selvedge {
namespace {

std::vector<nlohmann::json> Load(const std::string& name) {
  std::ifstream file(std::string(SELVEDGE_SOURCE_DIR) + "/apps/demo/samples/" + name);
  std::vector<nlohmann::json> records;
  for (std::string line; std::getline(file, line);) records.push_back(nlohmann::json::parse(line));
  return records;
}

TEST(SampleRecords, AreEnoughAndHeldOutOnesAreLater) {
  const auto train = Load("train.jsonl");
  const auto heldout = Load("heldout.jsonl");
  ASSERT_GE(train.size(), 640u);
  ASSERT_GE(heldout.size(), 90u);
  std::set<std::string> ids;
  std::string last;
  for (const auto* part : {&train, &heldout}) {
    for (const auto& record : *part) {
      EXPECT_TRUE(ids.insert(record.at("id")).second);
      EXPECT_LE(last, record.at("ts").get<std::string>());
      last = record.at("ts");
      const size_t bytes = record.at("text").get<std::string>().size();
      EXPECT_TRUE(bytes >= 50 && bytes <= 220) << record.at("id");
    }
  }
  EXPECT_LT(train.back().at("ts").get<std::string>(), heldout.front().at("ts").get<std::string>());
}

TEST(SampleRecords, HoldTheInventedPersonalDataThatRedactionFinds) {
  std::map<std::string, int> found;
  for (const auto& record : Load("train.jsonl")) {
    for (const PiiSpan& span : Redact(record.at("text").get<std::string>()).spans)
      ++found[span.type];
  }
  // Counted by hand in the texts.
  const std::map<std::string, int> expected = {
      {"CREDIT_CARD", 5},     {"EMAIL_ADDRESS", 8}, {"IBAN_CODE", 3},     {"IP_ADDRESS", 4},
      {"MAC_ADDRESS", 1},     {"PERSON", 1},        {"PHONE_NUMBER", 13}, {"SECRET", 3},
      {"URL_CREDENTIALS", 2}, {"US_SSN", 1}};
  EXPECT_EQ(found, expected);
}

TEST(SampleRecords, HeldOutOnesHoldNone) {
  for (const auto& record : Load("heldout.jsonl")) {
    EXPECT_TRUE(Redact(record.at("text").get<std::string>()).spans.empty()) << record.at("id");
  }
}

}  // namespace
}  // namespace selvedge
