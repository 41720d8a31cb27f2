// Several sessions in one pass: every logit is what the session alone would have got.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/seeded_random.h"
#include "inference/session/session.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::AdaptersOn;
using testing::ModelOf;
using testing::ModelParts;

std::vector<int32_t> RandomTokens(size_t n, uint32_t n_vocab, uint64_t seed) {
  core::SeededRandom random(seed);
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random.NextU64() % n_vocab);
  return tokens;
}

class TogetherTest : public ::testing::Test {
 protected:
  std::unique_ptr<Session> Open(const std::shared_ptr<const Model>& model,
                                std::shared_ptr<const AdapterSet> adapters, int64_t n_ctx = 0) {
    auto session = Session::Create(model, std::move(adapters), pool_, n_ctx);
    EXPECT_TRUE(session.ok()) << session.status().message();
    return std::move(*session);
  }

  // Sessions with these adapters and prompts of different lengths go on together, in steps of
  // different lengths, and beside them their twins alone.
  void ExpectSameLogits(const std::shared_ptr<const Model>& model,
                        const std::vector<std::shared_ptr<const AdapterSet>>& adapters) {
    const uint32_t n_vocab = model->config().n_vocab;
    std::vector<std::unique_ptr<Session>> joint, alone;
    for (size_t i = 0; i < adapters.size(); ++i) {
      const std::vector<int32_t> prompt = RandomTokens(1 + 9 * i, n_vocab, i);
      for (auto* sessions : {&joint, &alone}) {
        sessions->push_back(Open(model, adapters[i]));
        ASSERT_TRUE(sessions->back()->Append(prompt, false, nullptr).ok());
      }
    }
    std::vector<std::vector<float>> logits(adapters.size());
    for (size_t round = 0; round < 5; ++round) {
      std::vector<std::vector<int32_t>> tokens;
      std::vector<Session::Step> steps;
      for (size_t i = 0; i < adapters.size(); ++i) {
        tokens.push_back(RandomTokens(1 + (i + round) % 3, n_vocab, 100 * round + i));
        steps.push_back({joint[i].get(), tokens.back(), &logits[i], OkStatus()});
      }
      Session::AppendTogether(steps);
      for (size_t i = 0; i < adapters.size(); ++i) {
        ASSERT_TRUE(steps[i].status.ok()) << steps[i].status.message();
        ASSERT_EQ(joint[i]->position(), alone[i]->position() + std::ssize(tokens[i]));
        std::vector<float> expected, row;
        for (const int32_t token : tokens[i]) {
          ASSERT_TRUE(alone[i]->Append({&token, 1}, false, &row).ok());
          expected.insert(expected.end(), row.begin(), row.end());
        }
        ASSERT_TRUE(logits[i] == expected) << "session " << i << ", round " << round;
      }
    }
  }

  core::ThreadPool pool_{2};
};

TEST_F(TogetherTest, GivesTheBitsOfEachAloneForEveryTensorType) {
  for (const core::DTypeInfo& info : core::DTypes()) {
    if (!info.has_kernels) continue;
    SCOPED_TRACE(info.name);
    const auto model = ModelOf(info.type);
    const auto a = AdaptersOn(*model, 8), b = AdaptersOn(*model, 9);
    ExpectSameLogits(model, {a, AdapterSet::Empty(), b, a, AdaptersOn(*model, 8, 0.1)});
  }
}

TEST_F(TogetherTest, GivesTheBitsOfEachAloneForEveryFamily) {
  for (const char* family : {"gemma2", "gemma3", "llama_yarn", "qwen2", "qwen3"}) {
    SCOPED_TRACE(family);
    const auto model = testing::LoadGolden(std::string("families/") + family + ".gguf");
    ExpectSameLogits(model, {AdaptersOn(*model, 8), AdaptersOn(*model, 9), AdapterSet::Empty()});
  }
  const auto phi = testing::LoadGolden("families/phi3.gguf");  // takes no adapters
  ExpectSameLogits(phi, {AdapterSet::Empty(), AdapterSet::Empty()});
}

TEST_F(TogetherTest, MoreTokensThanOnePassTakesAreTakenInSeveral) {
  const auto model = ModelOf(core::DType::kQ8_0);
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<Session::Step> steps;
  std::vector<std::vector<float>> logits(12);
  const std::vector<int32_t> tokens = RandomTokens(Session::kMostAlone, 300, 1);
  for (auto& row : logits) {
    sessions.push_back(Open(model, AdapterSet::Empty()));
    steps.push_back({sessions.back().get(), tokens, &row, OkStatus()});
  }
  Session::AppendTogether(steps);
  for (const Session::Step& step : steps) EXPECT_TRUE(step.status.ok());
  for (const auto& row : logits) EXPECT_TRUE(row == logits[0]);
}

TEST_F(TogetherTest, AStepThatFailsDoesNotTouchTheOthers) {
  // Token 8 alone reaches the first dimension, and what the first layer makes of it overflows.
  ModelParts parts = ModelParts::Small();
  std::vector<float> embedding(300 * 64), gate(96 * 64);
  for (size_t i = 0; i < embedding.size(); ++i) {
    embedding[i] = i % 64 == 0 ? 0.0f : 0.1f * std::sin(static_cast<float>(i));
  }
  embedding[8 * 64] = 100.0f;
  for (size_t i = 0; i < gate.size(); ++i) gate[i] = i % 64 == 0 ? 1e20f : 0.1f;
  parts.tensors["token_embd.weight"].values = embedding;
  parts.tensors["blk.0.ffn_gate.weight"].values = gate;
  parts.tensors["blk.0.ffn_up.weight"].values = gate;
  for (const std::string layer : {"blk.0.", "blk.1."}) {
    parts.tensors[layer + "attn_output.weight"].values = std::vector<float>(64 * 64, 0.0f);
    parts.tensors[layer + "ffn_down.weight"].values = std::vector<float>(96 * 64, 0.0f);
  }
  auto model = Model::Load(parts.Build());
  ASSERT_TRUE(model.ok()) << model.status().message();

  auto good = Open(*model, AdapterSet::Empty()), overflows = Open(*model, AdapterSet::Empty()),
       full = Open(*model, AdapterSet::Empty(), 2), wrong = Open(*model, AdapterSet::Empty()),
       alone = Open(*model, AdapterSet::Empty());
  const std::vector<int32_t> fine = {5}, bad = {8}, much = {5, 6, 7}, absent = {300};
  std::vector<float> logits[4], expected;
  Session::Step steps[] = {{overflows.get(), bad, &logits[0], OkStatus()},
                           {good.get(), fine, &logits[1], OkStatus()},
                           {full.get(), much, &logits[2], OkStatus()},
                           {wrong.get(), absent, &logits[3], OkStatus()}};
  Session::AppendTogether(steps);
  EXPECT_EQ(steps[0].status.code(), StatusCode::kNumeric);
  EXPECT_TRUE(steps[1].status.ok());
  EXPECT_EQ(steps[2].status.code(), StatusCode::kLimit);
  EXPECT_EQ(steps[3].status.code(), StatusCode::kUsage);
  EXPECT_EQ(overflows->position(), 0);
  EXPECT_EQ(good->position(), 1);
  EXPECT_EQ(full->position(), 0);
  ASSERT_TRUE(alone->Append(fine, false, &expected).ok());
  EXPECT_TRUE(logits[1] == expected);
}

}  // namespace
}  // namespace selvedge::inference
