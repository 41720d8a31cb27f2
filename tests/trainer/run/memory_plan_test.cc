#include "trainer/run/memory_plan.h"

#include <gtest/gtest.h>

#include "tests/trainer/fixture/recording_host.h"
#include "tests/trainer/fixture/tiny_model.h"

namespace selvedge::trainer {
namespace {

class Memory : public ::testing::Test {
 protected:
  std::shared_ptr<const inference::Model> model_ = testing::TinyModel();
  LoraLayout layout_ = *LoraLayout::Create(*model_, testing::PlainConfig(*model_, 1));
};

TEST_F(Memory, SmallerLimitsMakeSmallerMicroBatches) {
  const auto free = PlanMemory(*model_, layout_, true, 100, 1, 0);
  ASSERT_TRUE(free.ok());
  const auto least_mb = static_cast<int64_t>(free->peak_bytes >> 20);
  size_t rows = free->max_rows;
  for (int64_t mb = least_mb; mb > 0; --mb) {
    const auto plan = PlanMemory(*model_, layout_, true, 100, 1, mb);
    if (!plan.ok()) {
      EXPECT_EQ(plan.status().code(), StatusCode::kLimit);
      EXPECT_NE(plan.status().message().find("need " + std::to_string(mb + 1) + " MB"),
                std::string::npos)
          << plan.status().message();
      return;
    }
    EXPECT_LE(plan->peak_bytes, static_cast<size_t>(mb) << 20);
    EXPECT_LE(plan->max_rows, rows);
    EXPECT_GE(plan->max_rows, 100u);
    rows = plan->max_rows;
  }
  FAIL() << "no limit was refused";
}

TEST_F(Memory, ARunThatWouldPassTheLimitIsRefusedBeforeItStarts) {
  testing::RecordingHost host;
  Config config = testing::PlainConfig(*model_, 1);
  config.memory_limit_mb = 8;
  std::unique_ptr<Trainer> trainer(selvedge_trainer_create());
  const auto outcome =
      trainer->Run(model_, testing::RuleGroups(*model_, 2, 10, 1), config, {}, host);
  EXPECT_EQ(outcome.status().code(), StatusCode::kLimit);
  EXPECT_TRUE(host.events.empty());
}

TEST_F(Memory, TheLimitDoesNotChangeTheResult) {
  const std::vector<Group> groups = testing::RandomGroups(*model_, 30, 3, 100, 4);
  std::unique_ptr<Trainer> trainer(selvedge_trainer_create());
  std::vector<std::vector<float>> b;
  for (const int64_t limit : {0, 180}) {
    testing::RecordingHost host;
    Config config = testing::PlainConfig(*model_, 2);
    config.memory_limit_mb = limit;
    const auto outcome = trainer->Run(model_, groups, config, {}, host);
    ASSERT_TRUE(outcome.ok()) << outcome.status().message();
    b.push_back(outcome->adapter.tensors[3].b);
  }
  EXPECT_EQ(b[0], b[1]);
}

}  // namespace
}  // namespace selvedge::trainer
