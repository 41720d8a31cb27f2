#include "sdk/near_duplicates.h"

#include <gtest/gtest.h>

#include <string>

namespace selvedge {
namespace {

vault::EligibleRecord Record(const std::string& text, uint8_t group) {
  vault::EligibleRecord record;
  record.text = text;
  record.group_key = {group};
  return record;
}

const std::string kLetter =
    "dear john the parcel from the harbour has arrived and stands in the hall until you come by to "
    "take it home with you on friday evening after work";

using Indices = std::vector<size_t>;

TEST(NearDuplicates, FindsWhatIsRepeatedInAnotherGroup) {
  const std::string forwarded =
      "FWD: Dear John, " + kLetter.substr(std::string("dear john ").size());
  EXPECT_EQ(FindNearDuplicates({Record(kLetter, 1), Record("what shall we cook on sunday", 3),
                                Record(forwarded, 2)}),
            Indices{2});
}

TEST(NearDuplicates, LeavesRepetitionsWithinAGroupAlone) {
  EXPECT_EQ(FindNearDuplicates({Record(kLetter, 1), Record(kLetter + " john", 1)}), Indices{});
}

TEST(NearDuplicates, OneGroupKeepsAllItsCopies) {
  EXPECT_EQ(FindNearDuplicates({Record(kLetter, 1), Record(kLetter + " john", 2),
                                Record(kLetter + " dear", 1), Record(kLetter + " mary", 2)}),
            (Indices{1, 3}));
}

// Group 1 repeats group 0 and goes; group 2 repeats only group 1, so nothing that stays says the
// same.
TEST(NearDuplicates, AreMeasuredAgainstWhatStays) {
  std::vector<vault::EligibleRecord> records;
  for (int group = 0; group < 3; ++group) {
    std::string text;
    for (int word = 0; word < 40; ++word) text += "w" + std::to_string(word + 3 * group) + " ";
    records.push_back(Record(text, static_cast<uint8_t>(group)));
  }
  EXPECT_EQ(FindNearDuplicates(records), Indices{1});
}

TEST(NearDuplicates, TellsDifferentTextsApart) {
  std::vector<vault::EligibleRecord> records;
  for (int i = 0; i < 200; ++i) {
    std::string text;
    for (int word = 0; word < 12; ++word) text += "w" + std::to_string(i * 31 + word * 17) + " ";
    records.push_back(Record(text, static_cast<uint8_t>(i)));
  }
  EXPECT_EQ(FindNearDuplicates(records), Indices{});
  records.push_back(Record(records[7].text + "and", 250));
  EXPECT_EQ(FindNearDuplicates(records), Indices{200});
}

TEST(NearDuplicates, ComparesShortRecordsAsAWhole) {
  EXPECT_EQ(FindNearDuplicates({Record("OK", 1), Record("ok!", 2), Record("okay", 3)}), Indices{1});
  EXPECT_EQ(FindNearDuplicates({Record("", 1)}), Indices{});
  EXPECT_EQ(FindNearDuplicates({}), Indices{});
}

// One text that everybody forwarded: time must not grow with the square of the records.
TEST(NearDuplicates, KeepsOneOfAFloodOfCopies) {
  std::vector<vault::EligibleRecord> records;
  for (int i = 0; i < 5000; ++i) {
    vault::EligibleRecord record = Record(kLetter, 0);
    record.group_key = {static_cast<uint8_t>(i / 256), static_cast<uint8_t>(i % 256)};
    records.push_back(record);
  }
  EXPECT_EQ(FindNearDuplicates(records).size(), 4999u);
}

}  // namespace
}  // namespace selvedge
