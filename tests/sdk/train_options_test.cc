#include "sdk/train_options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "sdk/base_model.h"

namespace selvedge {
namespace {

StatusCode CodeWith(const std::function<void(TrainOptions&)>& change) {
  TrainOptions o;
  change(o);
  return CheckTrainOptions(o).code();
}

TEST(TrainOptions, DefaultsAreAllowed) { EXPECT_TRUE(CheckTrainOptions({}).ok()); }

// F06, F13
TEST(TrainOptions, ValuesOutOfRangeAreRefused) {
  const std::function<void(TrainOptions&)> bad[] = {
      [](TrainOptions& o) { o.learning_rate = -1; },
      [](TrainOptions& o) { o.learning_rate = std::nan(""); },
      [](TrainOptions& o) { o.learning_rate = 1e9; },
      [](TrainOptions& o) { o.optimizer = Optimizer::kSgd; },
      [](TrainOptions& o) { o.dropout = -0.1; },
      [](TrainOptions& o) { o.dropout = 1; },
      [](TrainOptions& o) { o.rank = -1; },
      [](TrainOptions& o) { o.rank = 100000; },
      [](TrainOptions& o) { o.alpha = -1; },
      [](TrainOptions& o) { o.alpha = std::nan(""); },
      [](TrainOptions& o) { o.steps = -1; },
      [](TrainOptions& o) { o.steps = int64_t{1} << 31; },
      [](TrainOptions& o) { o.batch_size = -1; },
      [](TrainOptions& o) { o.seq_len = 1; },
      [](TrainOptions& o) { o.epsilon = -1; },
      [](TrainOptions& o) { o.epsilon = INFINITY; },
      [](TrainOptions& o) { o.noise_multiplier = -0.5; },
      [](TrainOptions& o) { o.noise_multiplier = 1e-9; },
      [](TrainOptions& o) { o.clip_norm = 0; },
      [](TrainOptions& o) { o.time_limit_s = std::nan(""); },
      [](TrainOptions& o) { o.memory_limit_mb = -1; },
      [](TrainOptions& o) { o.threads = -1; },
      [](TrainOptions& o) { o.epsilon = 1, o.noise_multiplier = 1; },
      [](TrainOptions& o) { o.dp = false, o.epsilon = 1; },
      [](TrainOptions& o) { o.dp = false, o.mechanism = NoiseMechanism::kBlt; },
      [](TrainOptions& o) { o.minutes = 5, o.mechanism = NoiseMechanism::kBlt; },
  };
  int i = 0;
  for (const auto& change : bad) EXPECT_EQ(CodeWith(change), StatusCode::kUsage) << "case " << i++;
}

TEST(TrainOptions, ModuleNamesMeanTensorsOfTheModel) {
  const auto base = LoadBaseModel("");
  ASSERT_TRUE(base.ok()) << base.status().message();
  const auto layers = base->model->config().n_layers;
  const auto all = TargetTensors(*base->model, {"all-linear"});
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), 7u * layers);
  for (const std::string& name : *all) EXPECT_NE(base->model->FindWeight(name), nullptr) << name;
  EXPECT_TRUE(std::is_sorted(all->begin(), all->end()));
  const auto two = TargetTensors(*base->model, {"v_proj", "q_proj", "q_proj"});
  EXPECT_EQ(two->size(), 2u * layers);
  EXPECT_EQ(TargetModules({"v_proj", "q_proj"}), (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(*TargetTensors(*base->model, {"lm_head"}), std::vector<std::string>{"output.weight"});
  EXPECT_EQ(TargetTensors(*base->model, {"all-linear", "lm_head"})->back(), "output.weight");
  EXPECT_EQ(TargetTensors(*base->model, {"embed_tokens"}).status().code(), StatusCode::kUsage);
  const kernels::WeightView* q = base->model->FindWeight("blk.0.attn_q.weight");
  const std::vector<std::string> one = {"blk.0.attn_q.weight"};
  EXPECT_EQ(TrainedParameters(*base->model, one, 8, true), 8 * q->rows);
  EXPECT_EQ(TrainedParameters(*base->model, one, 8, false), 8 * (q->rows + q->cols));
}

}  // namespace
}  // namespace selvedge
