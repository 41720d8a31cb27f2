#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "tests/trainer/fixture/recording_host.h"
#include "tests/trainer/fixture/tiny_model.h"
#include "trainer/lora/layout.h"
#include "trainer/run/checkpoint.h"
#include "trainer/trainer.h"

namespace selvedge::trainer {
namespace {

using testing::PlainConfig;
using testing::PrivateConfig;
using testing::RecordingHost;
using testing::RuleGroups;

class TrainingRun : public ::testing::Test {
 protected:
  Result<Outcome> Run(const Config& config, RecordingHost& host,
                      const std::vector<uint8_t>& checkpoint = {}) {
    return trainer_->Run(model_, groups_, config, checkpoint, host);
  }
  static std::vector<float> Weights(const Outcome& outcome) {
    std::vector<float> all;
    for (const adapters::LoraTensor& t : outcome.adapter.tensors) {
      all.insert(all.end(), t.a.begin(), t.a.end());
      all.insert(all.end(), t.b.begin(), t.b.end());
    }
    return all;
  }

  std::unique_ptr<Trainer> trainer_{selvedge_trainer_create()};
  std::shared_ptr<const inference::Model> model_ = testing::TinyModel();
  std::vector<Group> groups_ = RuleGroups(*model_, 12, 24, 3);
};

TEST_F(TrainingRun, LearnsARuleWithoutPrivacy) {
  for (const bool freeze_a : {true, false}) {
    Config config = PlainConfig(*model_, 40);
    config.freeze_a = freeze_a;
    config.learning_rate = freeze_a ? 0.02 : 0.005;
    RecordingHost host;
    const auto outcome = Run(config, host);
    ASSERT_TRUE(outcome.ok()) << outcome.status().message();
    EXPECT_FALSE(outcome->stopped);
    EXPECT_EQ(outcome->steps_done, 40);
    EXPECT_EQ(outcome->label_tokens, 40 * 12 * 23);
    EXPECT_LT(outcome->loss_last, 0.6 * outcome->loss_first);
    EXPECT_GT(outcome->label_tokens_per_s, 0);
    EXPECT_EQ(host.progress.size(), 40u);
  }
}

TEST_F(TrainingRun, LearnsARuleWithSgdAndWithDropout) {
  for (const double dropout : {0.0, 0.1}) {
    Config config = PlainConfig(*model_, 40);
    config.optimizer = Optimizer::kSgd;
    config.learning_rate = 2;
    config.dropout = dropout;
    RecordingHost host;
    const auto outcome = Run(config, host);
    ASSERT_TRUE(outcome.ok()) << outcome.status().message();
    EXPECT_LT(outcome->loss_last, 0.8 * outcome->loss_first);
  }
}

TEST_F(TrainingRun, SgdWantsALearningRateAndDropoutLeavesSomething) {
  RecordingHost host;
  Config config = PlainConfig(*model_, 1);
  config.optimizer = Optimizer::kSgd;
  config.learning_rate = 0;
  EXPECT_EQ(Run(config, host).status().code(), StatusCode::kUsage);
  config = PlainConfig(*model_, 1);
  for (const double dropout : {-0.1, 1.0, std::nan("")}) {
    config.dropout = dropout;
    EXPECT_EQ(Run(config, host).status().code(), StatusCode::kUsage) << dropout;
  }
  EXPECT_TRUE(host.progress.empty());
}

TEST_F(TrainingRun, LearnsARuleWithLittleNoise) {
  RecordingHost host;
  Config config = PrivateConfig(*model_, 40, groups_.size(), 0.01);
  config.learning_rate = 0.02;
  const auto outcome = Run(config, host);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  EXPECT_LT(outcome->loss_last, 0.8 * outcome->loss_first);
}

TEST_F(TrainingRun, HandsOutAnAdapterOfTheBasesShape) {
  Config config = PlainConfig(*model_, 1);
  config.target_modules = {"blk.1.ffn_down.weight", "blk.0.attn_k.weight"};
  RecordingHost host;
  const auto outcome = Run(config, host);
  ASSERT_TRUE(outcome.ok());
  const adapters::LoraAdapter& adapter = outcome->adapter;
  EXPECT_EQ(adapter.architecture, "llama");
  ASSERT_EQ(adapter.tensors.size(), 2u);
  EXPECT_EQ(adapter.tensors[0].base_name, "blk.0.attn_k.weight");
  EXPECT_EQ(adapter.tensors[0].in, 64u);
  EXPECT_EQ(adapter.tensors[0].out, 32u);
  EXPECT_EQ(adapter.tensors[0].a.size(), 4u * 64);
  EXPECT_EQ(adapter.tensors[0].b.size(), 32u * 4);
  EXPECT_EQ(adapter.tensors[1].in, 96u);
  EXPECT_FLOAT_EQ(adapter.tensors[1].scale, 2);
}

TEST_F(TrainingRun, FrozenAIsOrthonormalAndStays) {
  RecordingHost one, many;
  const auto first = Run(PlainConfig(*model_, 1), one);
  const auto last = Run(PlainConfig(*model_, 5), many);
  ASSERT_TRUE(first.ok() && last.ok());
  for (size_t t = 0; t < first->adapter.tensors.size(); ++t) {
    const adapters::LoraTensor& tensor = first->adapter.tensors[t];
    EXPECT_EQ(tensor.a, last->adapter.tensors[t].a);
    for (uint32_t i = 0; i < tensor.rank; ++i) {
      for (uint32_t j = 0; j < tensor.rank; ++j) {
        double dot = 0;
        for (uint32_t k = 0; k < tensor.in; ++k) {
          dot += static_cast<double>(tensor.a[i * tensor.in + k]) * tensor.a[j * tensor.in + k];
        }
        EXPECT_NEAR(dot, i == j ? 1 : 0, 1e-5);
      }
    }
  }
}

TEST_F(TrainingRun, ChargesTheLedgerBeforeEveryRelease) {
  RecordingHost host;
  ASSERT_TRUE(Run(PrivateConfig(*model_, 3, groups_.size(), 1), host).ok());
  std::vector<std::string> steps;
  for (const std::string& event : host.events) {
    if (event != "save") steps.push_back(event);
  }
  EXPECT_EQ(steps, (std::vector<std::string>{"charge 0", "step 1", "charge 1", "step 2", "charge 2",
                                             "step 3"}));
  // The weights change with each step, so a save can only follow the charge of its step.
  EXPECT_EQ(host.events.front(), "charge 0");
}

TEST_F(TrainingRun, ReleasesNothingWhenTheLedgerRefuses) {
  RecordingHost host;
  host.refuse_charge = 0;
  Config config = PrivateConfig(*model_, 3, groups_.size(), 1);
  const auto outcome = Run(config, host);
  EXPECT_EQ(outcome.status().code(), StatusCode::kPolicy);
  EXPECT_TRUE(host.progress.empty());
  // What was saved is the untouched start: B is still zero.
  const LoraLayout layout = *LoraLayout::Create(*model_, config);
  const auto state = LoadState(host.checkpoint, Fingerprint(*model_, groups_, config),
                               layout.trained(), layout.frozen());
  ASSERT_TRUE(state.ok()) << state.status().message();
  EXPECT_EQ(state->step, 0);
  EXPECT_EQ(state->optimizer.weights, std::vector<float>(layout.trained(), 0.0f));
}

TEST_F(TrainingRun, RefusalOfALaterStepKeepsTheEarlierOnes) {
  RecordingHost host;
  host.refuse_charge = 2;
  Config config = PrivateConfig(*model_, 5, groups_.size(), 1);
  EXPECT_EQ(Run(config, host).status().code(), StatusCode::kPolicy);
  EXPECT_EQ(host.progress.size(), 2u);
  host.refuse_charge = -1;
  const auto resumed = Run(config, host, std::vector<uint8_t>(host.checkpoint));
  ASSERT_TRUE(resumed.ok());
  EXPECT_EQ(resumed->steps_done, 5);
  EXPECT_EQ(host.progress.size(), 5u);  // 2 before, 3 after
}

TEST_F(TrainingRun, StoppedAndResumedIsBitIdenticalToUninterrupted) {
  Config config = PlainConfig(*model_, 8);
  config.plan.sampling_rate = 0.5;
  RecordingHost straight;
  const auto expected = Run(config, straight);
  ASSERT_TRUE(expected.ok());
  RecordingHost host;
  std::vector<uint8_t> checkpoint;
  int runs = 0;
  Result<Outcome> outcome = InternalError("not run");
  do {
    host.questions = 0;
    host.stop_after = 40 + 7 * (runs % 5);  // in the middle of a forward or backward pass
    config.threads = 1 + runs % 2;
    outcome = Run(config, host, checkpoint);
    ASSERT_TRUE(outcome.ok()) << outcome.status().message();
    checkpoint = host.checkpoint;
  } while (outcome->stopped && ++runs < 50);
  EXPECT_GT(runs, 2);
  EXPECT_EQ(outcome->steps_done, 8);
  EXPECT_EQ(outcome->label_tokens, expected->label_tokens);
  EXPECT_EQ(outcome->loss_first, expected->loss_first);
  EXPECT_EQ(outcome->loss_last, expected->loss_last);
  EXPECT_EQ(Weights(*outcome), Weights(*expected));
}

TEST_F(TrainingRun, StopsBeforeTheNextMicroBatch) {
  RecordingHost host;
  host.stop_after = 0;
  const auto outcome = Run(PrivateConfig(*model_, 3, groups_.size(), 1), host);
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(outcome->stopped);
  EXPECT_EQ(outcome->steps_done, 0);
  EXPECT_EQ(host.events, std::vector<std::string>{"save"});  // no charge
}

TEST_F(TrainingRun, AFinishedRunResumesToTheSameResult) {
  const Config config = PlainConfig(*model_, 2);
  RecordingHost host, again;
  const auto outcome = Run(config, host);
  const auto repeated = Run(config, again, host.checkpoint);
  ASSERT_TRUE(outcome.ok() && repeated.ok());
  EXPECT_EQ(Weights(*outcome), Weights(*repeated));
  EXPECT_TRUE(again.events.empty());
}

TEST_F(TrainingRun, RefusesACheckpointOfAnotherRun) {
  const Config config = PlainConfig(*model_, 2);
  RecordingHost host;
  ASSERT_TRUE(Run(config, host).ok());
  const std::vector<uint8_t> checkpoint = host.checkpoint;
  Config other = config;
  other.seed = 6;
  EXPECT_EQ(Run(other, host, checkpoint).status().code(), StatusCode::kIncompatible);
  other = config;
  other.dropout = 0.1;
  EXPECT_EQ(Run(other, host, checkpoint).status().code(), StatusCode::kIncompatible);
  other = config;
  other.plan.steps = 3;
  EXPECT_EQ(Run(other, host, checkpoint).status().code(), StatusCode::kIncompatible);
  groups_.pop_back();
  EXPECT_EQ(Run(config, host, checkpoint).status().code(), StatusCode::kIncompatible);
  groups_ = RuleGroups(*model_, 12, 24, 3);
  testing::TinyShape shape;
  shape.seed = 2;
  model_ = testing::TinyModel(shape);
  EXPECT_EQ(Run(config, host, checkpoint).status().code(), StatusCode::kIncompatible);
}

TEST_F(TrainingRun, RefusesADamagedCheckpoint) {
  const Config config = PlainConfig(*model_, 2);
  RecordingHost host;
  ASSERT_TRUE(Run(config, host).ok());
  std::vector<uint8_t> cut(host.checkpoint.begin(),
                           host.checkpoint.begin() + static_cast<long>(host.checkpoint.size() / 2));
  EXPECT_EQ(Run(config, host, cut).status().code(), StatusCode::kFormat);
  EXPECT_EQ(Run(config, host, {1, 2, 3}).status().code(), StatusCode::kFormat);
  for (const size_t at : {size_t{0}, size_t{20}, host.checkpoint.size() - 1}) {
    std::vector<uint8_t> flipped = host.checkpoint;
    flipped[at] ^= 1;
    EXPECT_EQ(Run(config, host, flipped).status().code(), StatusCode::kFormat);
  }
}

TEST_F(TrainingRun, ReportsACheckpointThatCannotBeSaved) {
  RecordingHost host;
  host.save_status = NoSpaceError("checkpoint: disk full");
  EXPECT_EQ(Run(PlainConfig(*model_, 2), host).status().code(), StatusCode::kNoSpace);
}

TEST_F(TrainingRun, PoissonStepsAreTakenEvenWhenNobodyIsSampled) {
  Config config = PrivateConfig(*model_, 4, groups_.size(), 1);
  config.plan.sampling_rate = 1e-9;
  RecordingHost host;
  const auto outcome = Run(config, host);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  EXPECT_EQ(outcome->steps_done, 4);
  EXPECT_EQ(outcome->label_tokens, 0);
  double norm = 0;
  for (const adapters::LoraTensor& t : outcome->adapter.tensors) {
    for (const float b : t.b) norm += std::abs(b);
  }
  EXPECT_GT(norm, 0);  // pure noise was released, as the accounting says
}

TEST_F(TrainingRun, GroupsWithoutLabelsDoNotStopTheRun) {
  groups_.insert(groups_.begin(), Group{});
  groups_.push_back({{{{1, 2, 3}, {0, 0, 0}}}});
  RecordingHost host;
  ASSERT_TRUE(Run(PrivateConfig(*model_, 2, groups_.size(), 1), host).ok());
  ASSERT_TRUE(Run(PlainConfig(*model_, 2), host).ok());
}

TEST_F(TrainingRun, RefusesWhatItCannotTrainOn) {
  RecordingHost host;
  const Config config = PlainConfig(*model_, 2);
  const auto code = [&](const Config& c) { return Run(c, host).status().code(); };
  const std::vector<Group> good = groups_;
  groups_ = {};
  EXPECT_EQ(code(config), StatusCode::kUsage);
  groups_ = {{{{{1, 99999}, {0, 1}}}}};
  EXPECT_EQ(code(config), StatusCode::kUsage);
  groups_ = {{{{{1, 2}, {1, 1}}}}};
  EXPECT_EQ(code(config), StatusCode::kUsage);
  groups_ = {{{{{1, 2, 3}, {0, 1}}}}};
  EXPECT_EQ(code(config), StatusCode::kUsage);
  groups_ = RuleGroups(*model_, 1, model_->config().n_ctx + 2, 3);
  EXPECT_EQ(code(config), StatusCode::kLimit);
  groups_ = good;
  for (const auto& spoil : std::vector<void (*)(Config&)>{
           [](Config& c) { c.rank = 0; }, [](Config& c) { c.rank = 1000; },
           [](Config& c) { c.alpha = 0; }, [](Config& c) { c.target_modules = {}; },
           [](Config& c) { c.target_modules = {"token_embd.weight"}; },
           [](Config& c) {
             c.target_modules = {"blk.0.attn_q.weight", "blk.0.attn_q.weight"};
           },
           [](Config& c) { c.plan.steps = 0; }, [](Config& c) { c.plan.sampling_rate = 0; },
           [](Config& c) { c.learning_rate = -1; },
           [](Config& c) {
             c.dp = true;
             c.plan.noise_multiplier = 0;
           },
           [](Config& c) {
             c.dp = true;
             c.plan.noise_multiplier = 1;
             c.plan.parameters = 7;
           }}) {
    Config bad = config;
    spoil(bad);
    EXPECT_EQ(code(bad), StatusCode::kUsage);
  }
  EXPECT_TRUE(host.events.empty());
}

TEST_F(TrainingRun, AnExplodingRunEndsWithNumeric) {
  Config config = PlainConfig(*model_, 20);
  config.learning_rate = 1e38;
  RecordingHost host;
  EXPECT_EQ(Run(config, host).status().code(), StatusCode::kNumeric);
}

TEST_F(TrainingRun, UpdatesThatAreNotFiniteAreDiscardedButCharged) {
  Config config = PrivateConfig(*model_, 20, groups_.size(), 1);
  config.learning_rate = 1e300;
  RecordingHost host;
  EXPECT_EQ(Run(config, host).status().code(), StatusCode::kNumeric);
  int charges = 0;
  for (const std::string& event : host.events) charges += event.rfind("charge", 0) == 0;
  EXPECT_EQ(charges, 3);
  EXPECT_EQ(host.progress.size(), 2u);
}

}  // namespace
}  // namespace selvedge::trainer
