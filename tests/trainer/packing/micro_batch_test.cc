#include "trainer/packing/micro_batch.h"

#include <gtest/gtest.h>

namespace selvedge::trainer {
namespace {

Example Labelled(std::vector<int32_t> tokens) {
  Example example{std::move(tokens), {}};
  example.is_label.assign(example.tokens.size(), 1);
  example.is_label[0] = 0;
  return example;
}

TEST(UsedRows, EndBeforeTheLastLabel) {
  EXPECT_EQ(UsedRows({{1, 2, 3, 4, 5}, {0, 0, 1, 0, 0}}), 2u);
  EXPECT_EQ(UsedRows({{1, 2, 3}, {0, 0, 0}}), 0u);
  EXPECT_EQ(UsedRows({{}, {}}), 0u);
  EXPECT_EQ(UsedRows({{1}, {0}}), 0u);
}

TEST(Packer, LaysSequencesEndToEndWithTheirOwnPositions) {
  const std::vector<Group> groups = {{{Labelled({1, 2, 3}), Labelled({4, 5})}},
                                     {{Labelled({6, 7, 8, 9})}}};
  const std::vector<uint32_t> sampled = {0, 1};
  Packer packer(groups, sampled, 0);
  MicroBatch batch;
  ASSERT_TRUE(packer.Next(100, 8, &batch));
  EXPECT_EQ(batch.tokens, (std::vector<int32_t>{1, 2, 4, 6, 7, 8}));
  EXPECT_EQ(batch.positions, (std::vector<uint32_t>{0, 1, 0, 0, 1, 2}));
  EXPECT_EQ(batch.targets, (std::vector<int32_t>{2, 3, 5, 7, 8, 9}));
  ASSERT_EQ(batch.segments.size(), 3u);
  EXPECT_EQ(batch.segments[1].begin, 2u);
  EXPECT_EQ(batch.segments[1].end, 3u);
  ASSERT_EQ(batch.slots.size(), 2u);
  EXPECT_EQ(batch.slots[0].end, 2u);
  EXPECT_TRUE(batch.slots[0].complete);
  EXPECT_TRUE(batch.slots[1].complete);
  EXPECT_FALSE(packer.Next(100, 8, &batch));
}

TEST(Packer, SpreadsOneGroupOverMicroBatches) {
  const std::vector<Group> groups = {{{Labelled({1, 2, 3}), Labelled({4, 5, 6})}},
                                     {{Labelled({7, 8})}}};
  const std::vector<uint32_t> sampled = {0, 1};
  Packer packer(groups, sampled, 0);
  MicroBatch batch;
  ASSERT_TRUE(packer.Next(3, 8, &batch));
  ASSERT_EQ(batch.slots.size(), 1u);
  EXPECT_FALSE(batch.slots[0].complete);
  ASSERT_TRUE(packer.Next(3, 8, &batch));
  ASSERT_EQ(batch.slots.size(), 2u);
  EXPECT_EQ(batch.slots[0].group, 0u);
  EXPECT_TRUE(batch.slots[0].complete);
  EXPECT_EQ(batch.slots[1].group, 1u);
}

TEST(Packer, GivesASequenceLongerThanTheBudgetAMicroBatchOfItsOwn) {
  const std::vector<Group> groups = {
      {{Labelled({1, 2})}}, {{Labelled({1, 2, 3, 4, 5, 6, 7, 8})}}, {{Labelled({1, 2})}}};
  const std::vector<uint32_t> sampled = {0, 1, 2};
  Packer packer(groups, sampled, 0);
  MicroBatch batch;
  std::vector<size_t> rows;
  while (packer.Next(4, 8, &batch)) rows.push_back(batch.rows());
  EXPECT_EQ(rows, (std::vector<size_t>{1, 7, 1}));
}

TEST(Packer, HandsOverGroupsWithoutLabelsAsEmptySlots) {
  const std::vector<Group> groups = {{{}}, {{{{1, 2, 3}, {0, 0, 0}}}}, {{Labelled({1, 2})}}};
  const std::vector<uint32_t> sampled = {0, 1, 2};
  Packer packer(groups, sampled, 0);
  MicroBatch batch;
  ASSERT_TRUE(packer.Next(4, 8, &batch));
  ASSERT_EQ(batch.slots.size(), 3u);
  EXPECT_EQ(batch.slots[1].begin, batch.slots[1].end);
  EXPECT_TRUE(batch.slots[1].complete);
  EXPECT_EQ(batch.rows(), 1u);
}

TEST(Packer, TakesTheWindowsOfARecordInTurn) {
  const std::vector<Group> groups = {
      {{{{1, 2}, {0, 1}, 0, 3}, {{3, 4}, {0, 1}, 1, 3}, {{5, 6}, {0, 1}, 2, 3}, {{7, 8}, {0, 1}}}}};
  const std::vector<uint32_t> sampled = {0};
  std::vector<std::vector<int32_t>> read;
  for (int64_t step = 0; step < 4; ++step) {
    Packer packer(groups, sampled, step);
    MicroBatch batch;
    ASSERT_TRUE(packer.Next(100, 8, &batch));
    ASSERT_EQ(batch.slots.size(), 1u) << "one group stays one slot, and so one clip";
    EXPECT_TRUE(batch.slots[0].complete);
    read.push_back(batch.targets);
    EXPECT_FALSE(packer.Next(100, 8, &batch));
  }
  EXPECT_EQ(read, (std::vector<std::vector<int32_t>>{{2, 8}, {4, 8}, {6, 8}, {2, 8}}));
}

TEST(Packer, KeepsToTheNumberOfGroupsAllowed) {
  const std::vector<Group> groups(5, Group{{Labelled({1, 2})}});
  const std::vector<uint32_t> sampled = {0, 1, 2, 3, 4};
  Packer packer(groups, sampled, 0);
  MicroBatch batch;
  std::vector<size_t> slots;
  while (packer.Next(100, 2, &batch)) slots.push_back(batch.slots.size());
  EXPECT_EQ(slots, (std::vector<size_t>{2, 2, 1}));
}

}  // namespace
}  // namespace selvedge::trainer
