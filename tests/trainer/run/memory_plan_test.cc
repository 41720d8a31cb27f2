#include "trainer/run/memory_plan.h"

#include <gtest/gtest.h>

#include "tests/trainer/fixture/recording_host.h"
#include "tests/trainer/fixture/tiny_model.h"

namespace selvedge::trainer {
namespace {

// Deep, so that the rows of its micro-batches weigh more than what loading LibTorch takes.
testing::TinyShape DeepShape() {
  testing::TinyShape shape;
  shape.n_layers = 24;
  shape.n_ff = 1792;
  shape.n_ctx = 512;
  return shape;
}

class Memory : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = testing::TinyModel(DeepShape()); }
  static void TearDownTestSuite() { model_.reset(); }
  static inline std::shared_ptr<const inference::Model> model_;
  static Config SmallConfig() {
    Config config = testing::PlainConfig(*model_, 2);
    config.rank = 1;
    return config;
  }
  LoraLayout layout_ = *LoraLayout::Create(*model_, SmallConfig());
};

TEST_F(Memory, SmallerLimitsRecomputeMoreThenTakeFewerRowsUntilTheyAreRefused) {
  // So many threads that their scratch alone is more than loading takes: that floor is not met.
  constexpr int kThreads = 2000;
  const auto free = PlanMemory(*model_, layout_, 100, kThreads, 0);
  ASSERT_TRUE(free.ok());
  EXPECT_EQ(free->max_rows, 1024u);
  EXPECT_EQ(free->recomputed_layers, 0u);
  MemoryPlan last = *free;
  bool recomputed = false, fewer = false;
  for (auto mb = static_cast<int64_t>(free->peak_bytes >> 20) + 1; mb > 0; --mb) {
    const auto plan = PlanMemory(*model_, layout_, 100, kThreads, mb);
    if (!plan.ok()) {
      EXPECT_EQ(plan.status().code(), StatusCode::kLimit);
      EXPECT_NE(plan.status().message().find("need " + std::to_string(mb + 1) + " MB"),
                std::string::npos)
          << plan.status().message();
      EXPECT_TRUE(recomputed);
      EXPECT_TRUE(fewer);
      return;
    }
    EXPECT_LE(plan->peak_bytes, static_cast<size_t>(mb) << 20);
    EXPECT_LE(plan->max_rows, last.max_rows);
    EXPECT_GE(plan->recomputed_layers, last.recomputed_layers);
    EXPECT_GE(plan->max_rows, 100u);
    recomputed = recomputed || (plan->recomputed_layers > 0 && plan->recomputed_layers < 23);
    fewer = fewer || (plan->recomputed_layers == 23 && plan->max_rows < 256);
    last = *plan;
  }
  FAIL() << "no limit was refused";
}

TEST_F(Memory, ARecomputedLayerKeepsItsInputOnly) {
  const size_t all = RowBytes(*model_, layout_, 0), one_less = RowBytes(*model_, layout_, 1);
  // 2 x 64 norm inputs, 64 + 2 x 32 of q, k, v, 2 x 1792 of gate and up, 7 h's; then 64 floats.
  EXPECT_EQ(all - one_less, 4u * (128 + 128 + 3584 + 7 - 64));
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
  const std::vector<Group> groups = testing::RandomGroups(*model_, 6, 3, 100, 4);
  std::unique_ptr<Trainer> trainer(selvedge_trainer_create());
  std::vector<std::vector<float>> b;
  const auto least = PlanMemory(*model_, layout_, 100, 1, 1);
  ASSERT_FALSE(least.ok());
  const std::string message = least.status().message();
  const int64_t least_mb = std::atoll(message.c_str() + message.find("need ") + 5);
  for (const int64_t limit : {int64_t{0}, least_mb, least_mb + 8}) {
    testing::RecordingHost host;
    Config config = SmallConfig();
    config.memory_limit_mb = limit;
    const auto outcome = trainer->Run(model_, groups, config, {}, host);
    ASSERT_TRUE(outcome.ok()) << outcome.status().message();
    b.push_back(outcome->adapter.tensors[3].b);
  }
  EXPECT_EQ(b[0], b[1]);
  EXPECT_EQ(b[0], b[2]);
}

}  // namespace
}  // namespace selvedge::trainer
