#include "sdk/train_data.h"

#include <map>
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

TEST_F(TrainData, RecordsAreFramedAndLabelled) {
  const auto base = LoadBaseModel("");
  ASSERT_TRUE(base.ok());
  const inference::Tokenizer& t = *base->tokenizer;
  const auto windows = MakeWindows(t, "the red boat", 100);
  ASSERT_TRUE(windows.ok());
  ASSERT_EQ(windows->size(), 1u);
  const trainer::Example* whole = &windows->front();
  EXPECT_EQ(whole->turns, 1u);
  EXPECT_EQ(whole->tokens.front(), t.bos());
  EXPECT_EQ(whole->tokens.back(), t.eos());
  ASSERT_EQ(whole->is_label.size(), whole->tokens.size());
  EXPECT_EQ(whole->is_label[0], 0);
  for (size_t i = 1; i < whole->is_label.size(); ++i) EXPECT_EQ(whole->is_label[i], 1);
  // F05: a control token's text is text.
  const auto hostile_windows = MakeWindows(t, "</s><s>", 100);
  const trainer::Example* hostile = &hostile_windows->front();
  for (size_t i = 1; i + 1 < hostile->tokens.size(); ++i) {
    EXPECT_NE(hostile->tokens[i], t.bos());
    EXPECT_NE(hostile->tokens[i], t.eos());
  }
}

TEST_F(TrainData, WindowsOfALongRecordLabelEveryTokenOnce) {
  const auto base = LoadBaseModel("");
  ASSERT_TRUE(base.ok());
  const inference::Tokenizer& t = *base->tokenizer;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "boat number " + std::to_string(i) + " sails. ";
  const std::vector<int32_t> tokens = *RecordTokens(t, text);
  const auto windows = MakeWindows(t, text, 16);
  ASSERT_TRUE(windows.ok());
  ASSERT_GT(windows->size(), 10u);
  std::vector<int32_t> labels;
  for (size_t i = 0; i < windows->size(); ++i) {
    const trainer::Example& w = (*windows)[i];
    EXPECT_EQ(w.turn, i);
    EXPECT_EQ(w.turns, windows->size());
    EXPECT_LE(w.tokens.size(), 16u);
    EXPECT_EQ(w.tokens.front(), t.bos());
    ASSERT_EQ(w.tokens.size(), w.is_label.size());
    size_t context = 0;  // what stands between <s> and the first label
    while (w.is_label[1 + context] == 0) ++context;
    EXPECT_EQ(context, i == 0 ? 0u : 4u);
    for (size_t k = 0; k < context; ++k) {
      EXPECT_EQ(w.tokens[1 + k], tokens[1 + labels.size() - context + k]);
    }
    labels.insert(labels.end(), w.tokens.begin() + 1 + context, w.tokens.end());
  }
  ASSERT_EQ(labels.size(), tokens.size());
  EXPECT_TRUE(std::equal(tokens.begin() + 1, tokens.end(), labels.begin()));
  EXPECT_EQ(labels.back(), t.eos());
}

TEST_F(TrainData, PlaceholdersAreContextAndNoLabels) {
  const auto base = LoadBaseModel("");
  ASSERT_TRUE(base.ok());
  const inference::Tokenizer& t = *base->tokenizer;
  for (const std::string text :
       {"<PERSON_4312> rang, see <URL>. He said 3 < 4 and <b>", "ask <PHONE_NUMBER>", "no < Z>"}) {
    const std::vector<int32_t> tokens = *RecordTokens(t, text);
    const std::vector<uint8_t> counted = CountedTokens(t, tokens);
    ASSERT_EQ(counted.size(), tokens.size());
    EXPECT_EQ(counted[0], 0);
    std::string learnt, all;
    for (size_t i = 1; i < tokens.size(); ++i) {
      all += t.PieceBytes(tokens[i]);
      if (counted[i] != 0) learnt += t.PieceBytes(tokens[i]);
    }
    EXPECT_EQ(learnt.find("PERSON"), std::string::npos) << learnt;
    EXPECT_EQ(learnt.find("43"), std::string::npos) << learnt;
    EXPECT_EQ(learnt.find("URL"), std::string::npos) << learnt;
    EXPECT_EQ(learnt.find("PHONE"), std::string::npos) << learnt;
    if (text[0] == '<') {
      EXPECT_NE(learnt.find("rang, see"), std::string::npos) << learnt;
      EXPECT_NE(learnt.find("He said 3 < 4 and <b>"), std::string::npos) << learnt;
    }
    if (text[0] == 'n') {
      EXPECT_EQ(learnt, all);
    }
    const auto windows = MakeWindows(t, text, 64);
    ASSERT_TRUE(windows.ok());
    ASSERT_EQ(windows->size(), 1u);
    EXPECT_TRUE(std::equal(counted.begin(), counted.end(), windows->front().is_label.begin()));
    EXPECT_EQ(windows->front().is_label.back(), 1);  // </s>
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
  const auto groups = MakeGroups(*base->tokenizer, selection.train, 64, 0);
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(groups->size(), Groups(selection.train).size());
  for (const trainer::Group& g : *groups) EXPECT_EQ(g.examples.size(), 2u);
}

// Contribution cap of a step.
TEST_F(TrainData, AGroupOfManyRecordsGivesEachStepAFew) {
  options_.unit = "thread";
  Make();
  Ingest(Lines(23), RecordFormat::kText, "notes", "long");
  Ingest(Lines(3, 100), RecordFormat::kText, "notes", "short");
  const auto records = *vault().records().Eligible("personalization");
  const auto base = LoadBaseModel("");
  const auto groups = MakeGroups(*base->tokenizer, records, 64, 5);
  ASSERT_TRUE(groups.ok());
  ASSERT_EQ(groups->size(), 2u);
  double tokens = 0;
  for (const trainer::Group& group : *groups) {
    const uint32_t turns = group.examples[0].turns;
    EXPECT_EQ(turns, group.examples.size() == 23 ? 5u : 1u);  // ceil(23 / 5)
    std::map<uint32_t, int> in_turn;
    for (const trainer::Example& window : group.examples) {
      EXPECT_EQ(window.turns, turns);
      ++in_turn[window.turn];
      tokens += static_cast<double>(window.tokens.size()) / turns;
    }
    EXPECT_EQ(in_turn.size(), turns) << "all of it is read";
    for (const auto& [turn, windows] : in_turn) EXPECT_LE(windows, 5);
  }
  EXPECT_DOUBLE_EQ(TokensPerStep(*groups), tokens);
}

// Contribution cap of a run.
TEST_F(TrainData, DrawsTheRecordsOfALargeGroup) {
  core::SecureRandom random = *core::SecureRandom::Create();
  std::set<int64_t> drawn;
  for (int round = 0; round < 40; ++round) {
    std::vector<vault::EligibleRecord> records(30);
    for (size_t i = 0; i < records.size(); ++i) {
      records[i].seq = static_cast<int64_t>(i);
      records[i].group_key = {static_cast<uint8_t>(i < 28 ? 1 : 2)};
    }
    DrawRecords(4, random, &records);
    ASSERT_EQ(records.size(), 6u);
    for (size_t i = 1; i < records.size(); ++i) EXPECT_LT(records[i - 1].seq, records[i].seq);
    EXPECT_EQ(records[4].seq, 28);
    for (size_t i = 0; i < 4; ++i) drawn.insert(records[i].seq);
  }
  EXPECT_GT(drawn.size(), 20u) << "other ones each time";
}

}  // namespace
}  // namespace selvedge
