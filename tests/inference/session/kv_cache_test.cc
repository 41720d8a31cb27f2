// Keys and values in blocks of integers, and local layers that keep their window only.

#include "inference/session/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/seeded_random.h"
#include "inference/session/decoder.h"
#include "inference/session/session.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::ModelParts;

// Heads of 32 and room for long texts.
std::shared_ptr<const Model> LlamaModel() {
  ModelParts parts = ModelParts::Small();
  parts.keys["llama.context_length"] = uint32_t{1024};
  parts.keys["llama.attention.head_count"] = uint32_t{2};
  parts.keys["llama.attention.head_count_kv"] = uint32_t{1};
  parts.keys["llama.rope.dimension_count"] = uint32_t{32};
  auto model = Model::Load(parts.Build());
  EXPECT_TRUE(model.ok()) << model.status().message();
  return *model;
}

std::vector<int32_t> RandomTokens(size_t n, uint32_t n_vocab, uint64_t seed = 1) {
  core::SeededRandom random(seed);
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random.NextU64() % n_vocab);
  return tokens;
}

double Distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / norm);
}

class KvCacheTest : public ::testing::Test {
 protected:
  std::unique_ptr<Session> Open(const std::shared_ptr<const Model>& model, core::DType type) {
    auto session = Session::Create(model, AdapterSet::Empty(), pool_, 0, type);
    EXPECT_TRUE(session.ok()) << session.status().message();
    return std::move(*session);
  }
  // The logits after each of the tokens, `chunk` of them at a time.
  std::vector<float> Logits(const std::shared_ptr<const Model>& model, core::DType type,
                            std::span<const int32_t> tokens, size_t chunk) {
    auto session = Open(model, type);
    std::vector<float> all, logits;
    for (size_t at = 0; at < tokens.size(); at += chunk) {
      const auto part = tokens.subspan(at, std::min(chunk, tokens.size() - at));
      EXPECT_TRUE(session->Append(part, true, &logits).ok());
      all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
  }

  core::ThreadPool pool_{2};
};

TEST_F(KvCacheTest, BlocksOfIntegersStayCloseInRowsAndInTiles) {
  const auto model = LlamaModel();
  const std::vector<int32_t> tokens = RandomTokens(200, 300);
  const auto exact = Logits(model, core::DType::kF32, tokens, 200);
  const auto rows = Logits(model, core::DType::kQ8_0, tokens, 1);
  EXPECT_GT(Distance(rows, exact), 1e-5) << "nothing was rounded";
  EXPECT_LT(Distance(rows, exact),
            0.05);  // random weights amplify 1/254 of a block's largest value
  // Rows and tiles read the same integers; only the order of sums differs.
  for (const size_t chunk : {40, 200}) {
    EXPECT_LT(Distance(Logits(model, core::DType::kQ8_0, tokens, chunk), rows), 1e-4) << chunk;
  }
}

TEST_F(KvCacheTest, BlocksOfIntegersGiveTheSameBitsAloneAndInOnePass) {
  const auto model = LlamaModel();
  const std::vector<int32_t> tokens = RandomTokens(150, 300);
  auto alone = Open(model, core::DType::kQ8_0), at_once = Open(model, core::DType::kQ8_0);
  ASSERT_TRUE(alone->Append(std::span(tokens).first(130), false, nullptr).ok());
  ASSERT_TRUE(at_once->Append(std::span(tokens).first(130), false, nullptr).ok());
  std::vector<float> expected, row, logits;
  for (size_t i = 130; i < 150; ++i) {
    ASSERT_TRUE(alone->Append({&tokens[i], 1}, false, &row).ok());
    expected.insert(expected.end(), row.begin(), row.end());
  }
  ASSERT_TRUE(at_once->AppendAsAlone(std::span(tokens).subspan(130), &logits).ok());
  EXPECT_TRUE(logits == expected);
}

TEST_F(KvCacheTest, BlocksOfIntegersTakeAbout17Of32OfTheMemory) {
  const ModelConfig& config = LlamaModel()->config();
  const uint64_t halves = KvCache::BytesFor(config, core::DType::kF16, 1024);
  EXPECT_EQ(halves, 1024u * 2 * 2 * 32 * 2);
  EXPECT_EQ(KvCache::BytesFor(config, core::DType::kQ8_0, 1024), halves * 17 / 32);
}

TEST_F(KvCacheTest, HeadsThatAreNoMultipleOf32AreRefused) {
  const auto model = *Model::Load(ModelParts::Small().Build());  // heads of 16
  const auto session =
      Session::Create(model, AdapterSet::Empty(), pool_, 0, core::DType::kQ8_0).status();
  EXPECT_EQ(session.code(), StatusCode::kIncompatible);
  EXPECT_NE(session.message().find("multiples of 32"), std::string::npos) << session.message();
}

// A family with local layers, its window made small and its context long.
std::shared_ptr<const Model> LocalModel(uint32_t window) {
  ModelParts parts = ModelParts::Small();
  parts.keys["general.architecture"] = std::string("gemma3");
  for (const char* key :
       {"embedding_length", "block_count", "feed_forward_length", "attention.head_count",
        "attention.head_count_kv", "attention.layer_norm_rms_epsilon", "rope.freq_base"}) {
    parts.keys[std::string("gemma3.") + key] = parts.keys[std::string("llama.") + key];
  }
  parts.keys["gemma3.context_length"] = uint32_t{2048};
  parts.keys["gemma3.attention.key_length"] = uint32_t{16};
  parts.keys["gemma3.attention.value_length"] = uint32_t{16};
  parts.keys["gemma3.attention.sliding_window"] = window;
  parts.keys["gemma3.attention.sliding_window_pattern"] = uint32_t{2};
  for (const std::string layer : {"blk.0.", "blk.1."}) {
    for (const char* norm : {"post_attention_norm", "post_ffw_norm"}) {
      parts.tensors[layer + norm + ".weight"] = {core::DType::kF32, {64}, {}};
    }
    for (const char* norm : {"attn_q_norm", "attn_k_norm"}) {
      parts.tensors[layer + norm + ".weight"] = {core::DType::kF32, {16}, {}};
    }
  }
  auto model = Model::Load(parts.Build());
  EXPECT_TRUE(model.ok()) << model.status().message();
  return *model;
}

TEST_F(KvCacheTest, LocalLayersKeepTheirWindowOnly) {
  const auto model = LocalModel(100);
  const ModelConfig& config = model->config();
  ASSERT_TRUE(config.IsLocal(0) != config.IsLocal(1)) << "the test tests nothing";
  KvCache cache(config, core::DType::kF16);
  const std::vector<float> row(32, 1.0f);
  uint64_t most = 0;
  for (size_t first = 0; first < 2000; first += 200) {
    ASSERT_TRUE(cache.Reserve(first, first + 200).ok());
    for (size_t layer = 0; layer < 2; ++layer) {
      for (size_t i = 0; i < 200; ++i) cache.Store(layer, first + i, row.data(), row.data());
    }
    const KvCache::BlockBytes bytes = KvCache::BytesOfBlock(config, core::DType::kF16);
    uint64_t held = 0;
    for (const KvCache::Block& block : cache.Share(first + 200)) {
      ASSERT_NE(block.all, nullptr);
      held += bytes.all + (block.local == nullptr ? 0 : bytes.local);
    }
    most = std::max(most, held);
    EXPECT_LE(held, KvCache::BytesFor(config, core::DType::kF16, first + 200));
  }
  EXPECT_LT(most, 2000u * 2 * 2 * 32 * 2 * 2 / 3) << "nothing was given up";
  EXPECT_GT(cache.earliest(), 1600u);
}

// One chunk is stored whole before anything is read: there nothing is given up.
TEST_F(KvCacheTest, WhatIsGivenUpWasSeenByNobody) {
  const auto model = LocalModel(70);
  const std::vector<int32_t> tokens = RandomTokens(250, 300);
  const auto at_once = Logits(model, core::DType::kF32, tokens, 250);
  EXPECT_LT(Distance(Logits(model, core::DType::kF32, tokens, 1), at_once), 1e-5);
  auto session = Open(model, core::DType::kF32);
  for (const int32_t token : tokens) ASSERT_TRUE(session->Append({&token, 1}, false, nullptr).ok());
  EXPECT_EQ(session->Share()[0].local, nullptr) << "nothing was given up";
}

TEST_F(KvCacheTest, GoesBackAsFarAsTheWindowIsKept) {
  const auto model = LocalModel(70);
  const std::vector<int32_t> tokens = RandomTokens(500, 300), other = RandomTokens(60, 300, 2);
  auto session = Open(model, core::DType::kF16), fresh = Open(model, core::DType::kF16);
  std::vector<float> logits, expected;
  for (const int32_t token : tokens) ASSERT_TRUE(session->Append({&token, 1}, false, &logits).ok());
  EXPECT_EQ(session->Rewind(100).code(), StatusCode::kUsage);
  ASSERT_TRUE(session->Rewind(440).ok());
  for (const int32_t token : other) ASSERT_TRUE(session->Append({&token, 1}, false, &logits).ok());
  for (const int32_t token : std::span(tokens).first(440)) {
    ASSERT_TRUE(fresh->Append({&token, 1}, false, &expected).ok());
  }
  for (const int32_t token : other) ASSERT_TRUE(fresh->Append({&token, 1}, false, &expected).ok());
  EXPECT_TRUE(logits == expected);
  ASSERT_TRUE(session->Rewind(0).ok());
  ASSERT_TRUE(session->Append(std::span(tokens).first(8), false, &logits).ok());
  auto third = Open(model, core::DType::kF16);
  ASSERT_TRUE(third->Append(std::span(tokens).first(8), false, &expected).ok());
  EXPECT_TRUE(logits == expected);
}

TEST_F(KvCacheTest, ASessionGoesOnFromBlocksThatHoldTheWindow) {
  const auto model = LocalModel(70);
  const std::vector<int32_t> tokens = RandomTokens(520, 300);
  auto first = Open(model, core::DType::kF16), second = Open(model, core::DType::kF16);
  ASSERT_TRUE(first->Append(std::span(tokens).first(512), false, nullptr).ok());
  std::vector<KvCache::Block> blocks = first->Share();
  EXPECT_EQ(blocks[0].local, nullptr);
  EXPECT_TRUE(first->CanGoOn(blocks, 512));
  EXPECT_FALSE(first->CanGoOn(std::span(blocks).first(2), 128));
  EXPECT_EQ(second->Adopt({blocks[0], blocks[1]}, 128).code(), StatusCode::kUsage);
  ASSERT_TRUE(second->Adopt(blocks, 512).ok());
  std::vector<float> logits, expected;
  for (size_t i = 512; i < 520; ++i) {
    ASSERT_TRUE(first->Append({&tokens[i], 1}, false, &expected).ok());
    ASSERT_TRUE(second->Append({&tokens[i], 1}, false, &logits).ok());
    ASSERT_TRUE(logits == expected);
  }
}

}  // namespace
}  // namespace selvedge::inference
