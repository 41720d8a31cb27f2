#include "inference/session/session.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::LoadGolden;
using testing::ModelParts;

class SessionTest : public ::testing::Test {
 protected:
  std::unique_ptr<Session> Open(const std::shared_ptr<const Model>& model, int64_t n_ctx = 0) {
    auto session = Session::Create(model, AdapterSet::Empty(), pool_, n_ctx, kv_type_);
    EXPECT_TRUE(session.ok()) << session.status().message();
    return std::move(*session);
  }

  // Logits of all tokens, appended in parts of the given size.
  std::vector<float> InParts(const std::shared_ptr<const Model>& model, size_t part) {
    const std::vector<int32_t> tokens = testing::GoldenTokens();
    auto session = Open(model);
    std::vector<float> all, logits;
    for (size_t at = 0; at < tokens.size(); at += part) {
      const auto chunk = std::span(tokens).subspan(at, std::min(part, tokens.size() - at));
      EXPECT_TRUE(session->Append(chunk, true, &logits).ok());
      all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
  }

  core::ThreadPool pool_{2};
  core::DType kv_type_ = core::DType::kF32;
};

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  return largest;
}

TEST_F(SessionTest, TokenByTokenEqualsOneShot) {
  const auto model = LoadGolden("tiny_f32.gguf");
  EXPECT_LT(LargestDifference(InParts(model, 1), InParts(model, 96)), 5e-5);
}

// Single rows and tiles round differently, by about one part in a thousand.
TEST_F(SessionTest, KeysAndValuesInHalvesStayClose) {
  const auto model = LoadGolden("tiny_f32.gguf");
  const std::vector<float> exact = InParts(model, 96);
  kv_type_ = core::DType::kF16;
  const std::vector<float> rows = InParts(model, 1), tiles = InParts(model, 96);
  EXPECT_GT(LargestDifference(rows, exact), 1e-6);
  EXPECT_LT(LargestDifference(rows, exact), 0.05);
  EXPECT_LT(LargestDifference(tiles, exact), 0.05);
}

TEST_F(SessionTest, AnySplitGivesTheSameLogits) {
  const auto model = LoadGolden("tiny_f32.gguf");
  const std::vector<float> whole = InParts(model, 96);
  for (const size_t part : {3, 7, 33, 64, 65}) {
    EXPECT_LT(LargestDifference(InParts(model, part), whole), 5e-5) << part;
  }
}

// Rounding activations to 8 bits is deterministic, but a last-bit difference may move a value to
// the next step: 1/254 of its block's largest.
TEST_F(SessionTest, AnySplitGivesNearlyTheSameLogitsOnQuantizedWeights) {
  const auto model = LoadGolden("tiny_q8_0.gguf");
  const std::vector<float> whole = InParts(model, 96);
  for (const size_t part : {1, 7, 64}) {
    EXPECT_LT(LargestDifference(InParts(model, part), whole), 0.2) << part;
  }
}

TEST_F(SessionTest, LastLogitsAreTheLastOfAll) {
  const auto model = LoadGolden("tiny_f32.gguf");
  const std::vector<int32_t> tokens = testing::GoldenTokens();
  std::vector<float> all, last;
  ASSERT_TRUE(Open(model)->Append(tokens, true, &all).ok());
  ASSERT_TRUE(Open(model)->Append(tokens, false, &last).ok());
  ASSERT_EQ(last.size(), model->config().n_vocab);
  EXPECT_LT(
      LargestDifference(last, {all.end() - static_cast<std::ptrdiff_t>(last.size()), all.end()}),
      5e-5);
}

TEST_F(SessionTest, TokensWithoutLogitsStillCount) {
  const auto model = LoadGolden("tiny_f32.gguf");
  const std::vector<int32_t> tokens = testing::GoldenTokens();
  auto session = Open(model);
  std::vector<float> split, whole;
  ASSERT_TRUE(session->Append(std::span(tokens).first(70), false, nullptr).ok());
  EXPECT_EQ(session->position(), 70);
  ASSERT_TRUE(session->Append(std::span(tokens).subspan(70), false, &split).ok());
  ASSERT_TRUE(Open(model)->Append(tokens, false, &whole).ok());
  EXPECT_LT(LargestDifference(split, whole), 5e-5);
}

TEST_F(SessionTest, PromptsLongerThanAChunkEqualTheSameInParts) {
  ModelParts parts = ModelParts::Small();
  parts.keys["llama.context_length"] = uint32_t{1024};
  auto model = Model::Load(parts.Build());
  ASSERT_TRUE(model.ok());
  std::vector<int32_t> tokens(700);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * 37 % 300);
  std::vector<float> whole, split;
  ASSERT_TRUE(Open(*model)->Append(tokens, false, &whole).ok());
  auto session = Open(*model);
  for (size_t at = 0; at < 700; at += 100) {
    ASSERT_TRUE(session->Append(std::span(tokens).subspan(at, 100), false, &split).ok());
  }
  EXPECT_LT(LargestDifference(whole, split), 1e-4);
}

TEST_F(SessionTest, IsTheSameOnOneThreadAndOnSeveral) {
  const auto model = LoadGolden("tiny_q8_0.gguf");
  const std::vector<int32_t> tokens = testing::GoldenTokens();
  std::vector<float> one, four;
  core::ThreadPool single(1), several(4);
  auto a = Session::Create(model, AdapterSet::Empty(), single, 0);
  auto b = Session::Create(model, AdapterSet::Empty(), several, 0);
  ASSERT_TRUE((*a)->Append(tokens, true, &one).ok());
  ASSERT_TRUE((*b)->Append(tokens, true, &four).ok());
  EXPECT_EQ(one, four);
}

TEST_F(SessionTest, RefusesMoreThanTheContextHolds) {
  const auto model = LoadGolden("tiny_f32.gguf");
  auto session = Open(model, 8);
  EXPECT_EQ(session->n_ctx(), 8);
  std::vector<float> logits;
  EXPECT_TRUE(session->Append(std::vector<int32_t>(8, 5), false, &logits).ok());
  EXPECT_EQ(session->Append(std::vector<int32_t>(1, 5), false, &logits).code(), StatusCode::kLimit);
  EXPECT_EQ(session->position(), 8);
  EXPECT_EQ(Open(model, 8)->Append(std::vector<int32_t>(9, 5), false, &logits).code(),
            StatusCode::kLimit);
  EXPECT_EQ(Session::Create(model, AdapterSet::Empty(), pool_, 129).status().code(),
            StatusCode::kLimit);
  EXPECT_EQ(
      Session::Create(model, AdapterSet::Empty(), pool_, 0, core::DType::kQ4_0).status().code(),
      StatusCode::kUsage);
  EXPECT_EQ(Session::Create(model, AdapterSet::Empty(), pool_, -1).status().code(),
            StatusCode::kUsage);
}

TEST_F(SessionTest, RefusesIdsOutsideTheVocabulary) {
  const auto model = LoadGolden("tiny_f32.gguf");
  auto session = Open(model);
  std::vector<float> logits;
  for (const int32_t id : {-1, 400, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(session->Append(std::vector<int32_t>{5, id}, false, &logits).code(),
              StatusCode::kUsage);
  }
  EXPECT_EQ(session->Append({}, false, &logits).code(), StatusCode::kUsage);
  EXPECT_EQ(session->position(), 0);
}

TEST_F(SessionTest, ReportsLogitsThatAreNotFinite) {
  ModelParts parts = ModelParts::Small();
  parts.tensors["blk.0.ffn_down.weight"].values = std::vector<float>(64 * 96, 3e38f);
  auto model = Model::Load(parts.Build());
  ASSERT_TRUE(model.ok());
  auto session = Open(*model);
  std::vector<float> logits;
  EXPECT_EQ(session->Append(std::vector<int32_t>{5, 6}, false, &logits).code(),
            StatusCode::kNumeric);
  EXPECT_EQ(session->position(), 0);
}

}  // namespace
}  // namespace selvedge::inference
