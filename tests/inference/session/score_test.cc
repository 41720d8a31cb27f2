// SOURCE of golden logits: tests/inference/golden/make_golden.py, numpy 1.24.2, seed 7.

#include <gtest/gtest.h>

#include <cmath>

#include "inference/session/session.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::LoadGolden;

// Sum of -log softmax over the golden logits that have a next token: positions 0, 63 and 64.
TEST(ScoreSequence, AgreesWithTheGoldenLogits) {
  const auto model = LoadGolden("tiny_f32.gguf");
  const auto tokens = testing::GoldenTokens();
  const auto golden = testing::ReadGoldenFloats("tiny_f32.logits.f32");
  const auto positions = testing::GoldenPositions();
  core::ThreadPool pool(2);
  for (size_t p = 0; p < positions.size(); ++p) {
    const size_t at = static_cast<size_t>(positions[p]);
    if (at + 1 >= tokens.size()) continue;
    const auto loss_of = [&](size_t n) {
      return ScoreSequence(model, AdapterSet::Empty(), pool, std::span(tokens).first(n), 0)
          ->loss_sum;
    };
    const float* row = golden.data() + p * 400;
    double sum = 0;
    for (size_t i = 0; i < 400; ++i) sum += std::exp(static_cast<double>(row[i]));
    // The cache holds halves.
    EXPECT_NEAR(loss_of(at + 2) - loss_of(at + 1), std::log(sum) - row[tokens[at + 1]], 2e-2);
  }
}

TEST(ScoreSequence, WindowsStartWithTheLastTokenOfTheOneBefore) {
  const auto model = LoadGolden("tiny_f32.gguf");
  const auto tokens = testing::GoldenTokens();
  core::ThreadPool pool(2);
  const auto score = [&](size_t from, size_t n, int64_t n_ctx) {
    auto s =
        ScoreSequence(model, AdapterSet::Empty(), pool, std::span(tokens).subspan(from, n), n_ctx);
    EXPECT_TRUE(s.ok());
    return *s;
  };
  const SequenceScore whole = score(0, 17, 9);  // windows 0..8 and 8..16
  EXPECT_EQ(whole.tokens, 16);
  EXPECT_EQ(whole.rank.size(), 16u);
  EXPECT_NEAR(whole.loss_sum, score(0, 9, 0).loss_sum + score(8, 9, 0).loss_sum, 1e-4);
}

TEST(ScoreSequence, CountsRanks) {
  const auto model = LoadGolden("tiny_f32.gguf");
  core::ThreadPool pool(1);
  std::vector<int32_t> tokens = {1};
  std::vector<float> logits;
  auto session = Session::Create(model, AdapterSet::Empty(), pool, 0);
  for (int i = 0; i < 20; ++i) {  // greedy: every next token is ranked first
    ASSERT_TRUE((*session)->Append(std::span(tokens).last(1), false, &logits).ok());
    tokens.push_back(
        static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
  }
  const auto score = ScoreSequence(model, AdapterSet::Empty(), pool, tokens, 0);
  EXPECT_EQ(score->top1, 20);
  EXPECT_EQ(score->top3, 20);
  EXPECT_EQ(score->rank, std::vector<uint8_t>(20, 1));
}

TEST(ScoreSequence, HandlesShortAndFaultyInput) {
  const auto model = LoadGolden("tiny_f32.gguf");
  core::ThreadPool pool(1);
  const auto run = [&](std::vector<int32_t> tokens, int64_t n_ctx) {
    return ScoreSequence(model, AdapterSet::Empty(), pool, tokens, n_ctx);
  };
  EXPECT_EQ(run({}, 0)->tokens, 0);
  EXPECT_EQ(run({1}, 0)->tokens, 0);
  EXPECT_EQ(run({1, 400}, 0).status().code(), StatusCode::kUsage);
  EXPECT_EQ(run({-1, 1}, 0).status().code(), StatusCode::kUsage);
  EXPECT_EQ(run({1, 2, 3}, 1).status().code(), StatusCode::kUsage);
  EXPECT_EQ(run({1, 2, 3}, 4096).status().code(), StatusCode::kLimit);
}

}  // namespace
}  // namespace selvedge::inference
