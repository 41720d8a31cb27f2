#include "inference/session/lookahead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/seeded_random.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::AdaptersOn;
using testing::ModelOf;
using testing::ModelParts;

// A text that repeats itself, with changes: guesses are made, some right and some wrong.
std::vector<int32_t> RepeatingText(size_t n, int32_t n_vocab) {
  core::SeededRandom random(7);
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < n; ++i) {
    const bool changed = random.NextDouble() < 0.1;
    tokens.push_back(changed
                         ? static_cast<int32_t>(random.NextU64() % static_cast<uint64_t>(n_vocab))
                         : static_cast<int32_t>(5 + i % 11));
  }
  return tokens;
}

Lookahead On(Session& session) {
  return {session, 7, [&session](std::span<const int32_t> tokens, std::vector<float>* logits) {
            return session.AppendAsAlone(tokens, logits);
          }};
}

class LookaheadTest : public ::testing::Test {
 protected:
  // Feeds the text to a session with guesses and to one without; every logit must be the same bits.
  void ExpectSameLogits(const std::shared_ptr<const Model>& model,
                        const std::shared_ptr<const AdapterSet>& adapters) {
    const ModelConfig& config = model->config();
    const std::vector<int32_t> text =
        RepeatingText(std::min<size_t>(120, config.n_ctx), static_cast<int32_t>(config.n_vocab));
    auto plain = Session::Create(model, adapters, pool_, 0);
    auto guessing = Session::Create(model, adapters, pool_, 0);
    ASSERT_TRUE(plain.ok() && guessing.ok());
    Lookahead lookahead = On(**guessing);
    std::vector<float> expected;
    for (size_t n = 1; n < text.size(); ++n) {
      const std::span<const int32_t> history = std::span(text).first(n);
      ASSERT_TRUE((*plain)->Append(history.last(1), false, &expected).ok());
      const auto got = lookahead.After(history, text.size() - n);
      ASSERT_TRUE(got.ok()) << got.status().message();
      ASSERT_TRUE(std::equal(got->begin(), got->end(), expected.begin(), expected.end())) << n;
    }
    EXPECT_GT(lookahead.accepted(), static_cast<int64_t>(text.size()) / 6);
    EXPECT_LT(lookahead.accepted(), lookahead.guessed());
  }

  core::ThreadPool pool_{2};
};

TEST_F(LookaheadTest, GivesTheBitsOfPlainDecodingForEveryTensorType) {
  for (const core::DTypeInfo& info : core::DTypes()) {
    if (!info.has_kernels) continue;
    SCOPED_TRACE(info.name);
    ExpectSameLogits(ModelOf(info.type), AdapterSet::Empty());
  }
}

TEST_F(LookaheadTest, GivesTheBitsOfPlainDecodingWithAdapters) {
  for (const core::DType type : {core::DType::kF16, core::DType::kQ8_0, core::DType::kQ4_0}) {
    const auto model = ModelOf(type);
    ExpectSameLogits(model, AdaptersOn(*model, 8));
  }
}

TEST_F(LookaheadTest, GivesTheBitsOfPlainDecodingForEveryFamily) {
  for (const char* family : {"gemma2", "gemma3", "llama_yarn", "phi3", "qwen2", "qwen3"}) {
    SCOPED_TRACE(family);
    ExpectSameLogits(testing::LoadGolden(std::string("families/") + family + ".gguf"),
                     AdapterSet::Empty());
  }
}

TEST_F(LookaheadTest, DoesNotGuessBeyondTheRoom) {
  const auto model = ModelOf(core::DType::kQ8_0);
  auto session = Session::Create(model, AdapterSet::Empty(), pool_, 24);
  ASSERT_TRUE(session.ok());
  Lookahead lookahead = On(**session);
  const std::vector<int32_t> text(24, 9);
  for (size_t n = 1; n <= 24; ++n) {
    ASSERT_TRUE(lookahead.After(std::span(text).first(n), 24 - n).ok()) << n;
  }
  EXPECT_EQ((*session)->position(), 24);
  EXPECT_GT(lookahead.accepted(), 10);
}

TEST_F(LookaheadTest, AGuessWithoutFiniteLogitsDoesNotEndTheText) {
  // Token 8 alone reaches the first dimension, and what the first layer makes of it overflows.
  ModelParts parts = ModelParts::Small();
  const auto waves = [](size_t rows, size_t cols, float first) {
    std::vector<float> values(rows * cols);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = i % cols == 0 ? first : 0.1f * std::sin(static_cast<float>(i));
    }
    return values;
  };
  parts.tensors["token_embd.weight"].values = waves(300, 64, 0.0f);
  parts.tensors["token_embd.weight"].values[8 * 64] = 100.0f;
  parts.tensors["blk.0.ffn_gate.weight"].values = waves(96, 64, 1e20f);
  parts.tensors["blk.0.ffn_up.weight"].values = waves(96, 64, 1e20f);
  for (const std::string layer : {"blk.0.", "blk.1."}) {
    parts.tensors[layer + "attn_output.weight"].values = std::vector<float>(64, 0.0f);
    parts.tensors[layer + "ffn_down.weight"].values = std::vector<float>(96, 0.0f);
  }
  auto model = Model::Load(parts.Build());
  ASSERT_TRUE(model.ok()) << model.status().message();
  auto fresh = Session::Create(*model, AdapterSet::Empty(), pool_, 0);
  std::vector<float> logits;
  ASSERT_EQ((*fresh)->Append(std::vector<int32_t>{8}, false, &logits).code(), StatusCode::kNumeric)
      << "the token is harmless: the test tests nothing";

  auto session = Session::Create(*model, AdapterSet::Empty(), pool_, 0);
  Lookahead lookahead = On(**session);
  // 8, whose logits are infinite, followed 5 6 7 in what the session was not shown.
  const std::vector<int32_t> text = {5, 6, 7, 8, 5, 6, 7};
  ASSERT_TRUE((*session)->Append(std::vector<int32_t>{5, 6, 7, 9, 5, 6}, false, nullptr).ok());
  const auto got = lookahead.After(text, 8);
  EXPECT_TRUE(got.ok()) << got.status().message();
  EXPECT_EQ(lookahead.guessed(), 0);
}

TEST(PromptLookup, GoesOnAsTheLongestEarlierStretchDid) {
  PromptLookup lookup(4);
  const std::vector<int32_t> history = {9, 1, 2, 3,  50, 51, 52, 53, 54, 8,
                                        1, 2, 3, 60, 61, 7,  9,  1,  2,  3};
  EXPECT_EQ(lookup.Guess(history), (std::vector<int32_t>{50, 51, 52, 53}));
}

TEST(PromptLookup, TakesTheLatestOfEqualStretches) {
  PromptLookup lookup(2);
  EXPECT_EQ(lookup.Guess(std::vector<int32_t>{7, 1, 2, 3, 50, 8, 1, 2, 3, 60, 9, 1, 2, 3}),
            (std::vector<int32_t>{60, 9}));
}

TEST(PromptLookup, GuessesNothingWithoutThreeTokensInCommon) {
  PromptLookup lookup(4);
  EXPECT_TRUE(lookup.Guess(std::vector<int32_t>{2, 3, 50, 4, 2, 3}).empty());
  EXPECT_TRUE(lookup.Guess(std::vector<int32_t>{1, 1}).empty());
  EXPECT_TRUE(lookup.Guess({}).empty());
  EXPECT_TRUE(PromptLookup(0).Guess(std::vector<int32_t>(20, 1)).empty());
}

TEST(PromptLookup, FollowsAShortCycleAround) {
  PromptLookup lookup(7);
  EXPECT_EQ(lookup.Guess(std::vector<int32_t>{1, 2, 3, 1, 2, 3}),
            (std::vector<int32_t>{1, 2, 3, 1, 2, 3, 1}));
}

TEST(PromptLookup, GuessesLessAfterFailuresAndMoreAfterSuccess) {
  PromptLookup lookup(8);
  const std::vector<int32_t> history(30, 1);
  lookup.Learn(8, 1);
  EXPECT_EQ(lookup.Guess(history).size(), 2u);
  lookup.Learn(2, 2);
  EXPECT_EQ(lookup.Guess(history).size(), 4u);
  lookup.Learn(4, 0);
  EXPECT_TRUE(lookup.Guess(history).empty());
  EXPECT_TRUE(lookup.Guess(history).empty());
  EXPECT_EQ(lookup.Guess(history).size(), 1u);
}

}  // namespace
}  // namespace selvedge::inference
