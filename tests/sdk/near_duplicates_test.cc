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

TEST(NearDuplicates, FindsWhatIsRepeatedInAnotherGroup) {
  const std::string forwarded =
      "FWD: Dear John, " + kLetter.substr(std::string("dear john ").size());
  EXPECT_EQ(CountNearDuplicates({Record(kLetter, 1), Record(forwarded, 2),
                                 Record("what shall we cook on sunday", 3)}),
            2);
}

TEST(NearDuplicates, LeavesRepetitionsWithinAGroupAlone) {
  EXPECT_EQ(CountNearDuplicates({Record(kLetter, 1), Record(kLetter + " john", 1)}), 0);
}

TEST(NearDuplicates, TellsDifferentTextsApart) {
  std::vector<vault::EligibleRecord> records;
  for (int i = 0; i < 200; ++i) {
    std::string text;
    for (int word = 0; word < 12; ++word) text += "w" + std::to_string(i * 31 + word * 17) + " ";
    records.push_back(Record(text, static_cast<uint8_t>(i)));
  }
  EXPECT_EQ(CountNearDuplicates(records), 0);
  records.push_back(Record(records[7].text + "and", 250));
  EXPECT_EQ(CountNearDuplicates(records), 2);
}

TEST(NearDuplicates, ComparesShortRecordsAsAWhole) {
  EXPECT_EQ(CountNearDuplicates({Record("OK", 1), Record("ok!", 2), Record("okay", 3)}), 2);
  EXPECT_EQ(CountNearDuplicates({Record("", 1)}), 0);
  EXPECT_EQ(CountNearDuplicates({}), 0);
}

// One text that everybody forwarded: time must not grow with the square of the records.
TEST(NearDuplicates, CountsAFloodOfCopies) {
  std::vector<vault::EligibleRecord> records;
  for (int i = 0; i < 5000; ++i) {
    vault::EligibleRecord record = Record(kLetter, 0);
    record.group_key = {static_cast<uint8_t>(i / 256), static_cast<uint8_t>(i % 256)};
    records.push_back(record);
  }
  EXPECT_EQ(CountNearDuplicates(records), 5000);
}

}  // namespace
}  // namespace selvedge
