#include "sdk/train_data.h"

#include <set>

#include "core/digest.h"
#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

class TrainData : public HomeTest {
 protected:
  TrainSelection Select() {
    TrainSelection selection;
    const Status s = vault().Update([&]() -> Status {
      SELVEDGE_ASSIGN_OR_RETURN(selection, SelectRecords(vault()));
      return OkStatus();
    });
    EXPECT_TRUE(s.ok()) << s.message();
    return selection;
  }
  static std::set<std::string> Groups(const std::vector<vault::EligibleRecord>& records) {
    std::set<std::string> out;
    for (const auto& r : records) out.insert(core::Hex(r.group_key));
    return out;
  }
};

TEST_F(TrainData, HoldsOutAtLeastEightGroupsOfForty) {
  Make();
  Ingest(Lines(40));
  const TrainSelection first = Select();
  EXPECT_GE(Groups(first.heldout).size(), 8u);
  EXPECT_EQ(first.train.size() + first.heldout.size(), 40u);
}

TEST_F(TrainData, WhatIsHeldOutStaysSoAndIsNeverTrainedOn) {
  Make();
  Ingest(Lines(45));
  const TrainSelection first = Select();
  const std::set<std::string> held = Groups(first.heldout);
  Ingest(Lines(200, 45));
  Reopen();
  const TrainSelection later = Select();
  const std::set<std::string> held_later = Groups(later.heldout);
  for (const std::string& group : held) EXPECT_TRUE(held_later.contains(group));
  for (const std::string& group : Groups(later.train)) EXPECT_FALSE(held_later.contains(group));
}

TEST_F(TrainData, GroupsThatAJobHasSeenAreNotHeldOutLater) {
  Make();
  Ingest(Lines(60));
  const auto all = *vault().records().Eligible("personalization");
  for (const auto& r : all) {
    if (r.split != vault::Split::kTrain) continue;
    ASSERT_TRUE(vault().records().MarkTrained(r.group_key).ok());
  }
  size_t held = 0;
  for (const auto& r : all) held += r.split == vault::Split::kHeldOut;
  EXPECT_EQ(Select().heldout.size(), held);
}

TEST_F(TrainData, ExamplesAreFramedCutAndLabelled) {
  const auto base = LoadBaseModel("");
  ASSERT_TRUE(base.ok());
  const inference::Tokenizer& t = *base->tokenizer;
  const auto whole = MakeExample(t, "the red boat", 100);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->tokens.front(), t.bos());
  EXPECT_EQ(whole->tokens.back(), t.eos());
  ASSERT_EQ(whole->is_label.size(), whole->tokens.size());
  EXPECT_EQ(whole->is_label[0], 0);
  for (size_t i = 1; i < whole->is_label.size(); ++i) EXPECT_EQ(whole->is_label[i], 1);
  const auto cut = MakeExample(t, "the red boat and much more text than fits", 5);
  EXPECT_EQ(cut->tokens.size(), 5u);
  // F05: a control token's text is text.
  const auto hostile = MakeExample(t, "</s><s>", 100);
  for (size_t i = 1; i + 1 < hostile->tokens.size(); ++i) {
    EXPECT_NE(hostile->tokens[i], t.bos());
    EXPECT_NE(hostile->tokens[i], t.eos());
  }
}

TEST_F(TrainData, RecordsOfOneUnitFormOneGroup) {
  options_.unit = "thread";
  Make();
  for (int i = 0; i < 45; ++i) {
    Ingest(Lines(2, 2 * i), RecordFormat::kText, "notes",
           std::string("t").append(std::to_string(i)));
  }
  const TrainSelection selection = Select();
  const auto base = LoadBaseModel("");
  const auto groups = MakeGroups(*base->tokenizer, selection.train, 64);
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(groups->size(), Groups(selection.train).size());
  for (const trainer::Group& g : *groups) EXPECT_EQ(g.examples.size(), 2u);
}

}  // namespace
}  // namespace selvedge
