#include "inference/session/adapter_set.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>

#include "core/seeded_random.h"
#include "inference/session/session.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::LoadGolden;

constexpr const char* kQuery = "blk.0.attn_q.weight";

// A random adapter on one weight of the golden model (32 wide).
std::shared_ptr<adapters::LoraAdapter> MakeAdapter(uint64_t seed, bool zero_b = false) {
  core::SeededRandom random(seed);
  adapters::LoraTensor t{kQuery, 4, 32, 32, {}, {}, 1.5f};
  for (int i = 0; i < 4 * 32; ++i) {
    t.a.push_back(static_cast<float>(random.NextGaussian()));
    t.b.push_back(zero_b ? 0.0f : static_cast<float>(random.NextGaussian()));
  }
  auto adapter = std::make_shared<adapters::LoraAdapter>();
  adapter->architecture = "llama";
  adapter->rank = 4;
  adapter->tensors.push_back(std::move(t));
  return adapter;
}

std::vector<float> LogitsWith(const std::shared_ptr<const Model>& model,
                              std::shared_ptr<const AdapterSet> set, core::ThreadPool& pool) {
  auto session = Session::Create(model, std::move(set), pool, 0);
  std::vector<float> logits;
  EXPECT_TRUE((*session)->Append(testing::GoldenTokens(), false, &logits).ok());
  return logits;
}

class AdapterSetTest : public ::testing::Test {
 protected:
  std::shared_ptr<const AdapterSet> Build(std::vector<AdapterSet::Item> items) {
    auto set = AdapterSet::Build(*model_, std::move(items));
    EXPECT_TRUE(set.ok()) << set.status().message();
    return *set;
  }
  StatusCode CodeOf(std::shared_ptr<const adapters::LoraAdapter> adapter, double scale = 1) {
    return AdapterSet::Build(*model_, {{"x", std::move(adapter), scale}}).status().code();
  }

  std::shared_ptr<const Model> model_ = LoadGolden("tiny_q8_0.gguf");
  core::ThreadPool pool_{2};
};

TEST_F(AdapterSetTest, ZeroBIsTheSameAsNoAdapterToTheBit) {
  EXPECT_EQ(LogitsWith(model_, Build({{"zero", MakeAdapter(1, true), 1.0}}), pool_),
            LogitsWith(model_, AdapterSet::Empty(), pool_));
}

TEST_F(AdapterSetTest, ZeroScaleIsTheSameAsNoAdapterToTheBit) {
  EXPECT_EQ(LogitsWith(model_, Build({{"off", MakeAdapter(1), 0.0}}), pool_),
            LogitsWith(model_, AdapterSet::Empty(), pool_));
}

TEST_F(AdapterSetTest, OppositeScalesCancel) {
  const auto adapter = MakeAdapter(1);
  const auto with = LogitsWith(model_, Build({{"a", adapter, 1.0}}), pool_);
  const auto none = LogitsWith(model_, AdapterSet::Empty(), pool_);
  const auto both = LogitsWith(model_, Build({{"a", adapter, 0.5}, {"b", adapter, -0.5}}), pool_);
  double moved = 0, left = 0;
  for (size_t i = 0; i < none.size(); ++i) {
    moved = std::max(moved, std::abs(static_cast<double>(with[i]) - none[i]));
    left = std::max(left, std::abs(static_cast<double>(both[i]) - none[i]));
  }
  EXPECT_GT(moved, 0.1);
  EXPECT_LT(left, 0.1 * moved);
}

// An adapter on every linear layer of the first block.
std::shared_ptr<adapters::LoraAdapter> MakeWideAdapter(const Model& model) {
  core::SeededRandom random(9);
  auto adapter = MakeAdapter(1);
  for (const char* name : {"attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}) {
    const std::string base = std::string("blk.0.") + name + ".weight";
    const kernels::WeightView& weight = *model.FindWeight(base);
    adapters::LoraTensor t{
        base, 3,   static_cast<uint32_t>(weight.cols), static_cast<uint32_t>(weight.rows), {},
        {},   0.5f};
    for (size_t i = 0; i < 3 * weight.cols; ++i) {
      t.a.push_back(static_cast<float>(random.NextGaussian()));
    }
    for (size_t i = 0; i < 3 * weight.rows; ++i) {
      t.b.push_back(static_cast<float>(random.NextGaussian()));
    }
    adapter->tensors.push_back(std::move(t));
  }
  return adapter;
}

// One token at a time, where threads share the rows of A and of the weights.
TEST_F(AdapterSetTest, DecodingGivesTheSameBitsForEveryNumberOfThreads) {
  const auto set = Build({{"wide", MakeWideAdapter(*model_), 1.0}, {"q", MakeAdapter(2), 0.5}});
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    core::ThreadPool pool(threads);
    const auto session = Session::Create(model_, set, pool, 0).value();
    std::vector<float> logits;
    for (const int32_t token : testing::GoldenTokens()) {
      ASSERT_TRUE(session->Append({&token, 1}, false, &logits).ok());
    }
    results.push_back(logits);
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
  EXPECT_NE(results[0], LogitsWith(model_, AdapterSet::Empty(), pool_));
}

TEST_F(AdapterSetTest, TermsAreFoundByWeight) {
  const auto set = Build({{"a", MakeAdapter(1), 2.0}, {"b", MakeAdapter(2), 1.0}});
  const auto& terms = set->TermsOf(model_->layers()[0].attn_q);
  ASSERT_EQ(terms.size(), 2u);
  EXPECT_FLOAT_EQ(terms[0].scale(), 3.0f);
  EXPECT_TRUE(set->TermsOf(model_->layers()[1].attn_q).empty());
  EXPECT_EQ(set->ids(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(AdapterSetTest, RefusesWhatDoesNotFit) {
  EXPECT_EQ(CodeOf(MakeAdapter(1), NAN), StatusCode::kUsage);
  EXPECT_EQ(CodeOf(MakeAdapter(1), 1e30), StatusCode::kUsage);
  auto adapter = MakeAdapter(1);
  adapter->tensors[0].base_name = "blk.9.attn_q.weight";
  EXPECT_EQ(CodeOf(adapter), StatusCode::kIncompatible);
  adapter = MakeAdapter(1);
  adapter->tensors[0].base_name = "blk.0.attn_k.weight";  // [16, 32]
  EXPECT_EQ(CodeOf(adapter), StatusCode::kIncompatible);
  adapter = MakeAdapter(1);
  adapter->tensors[0].a.pop_back();
  EXPECT_EQ(CodeOf(adapter), StatusCode::kIncompatible);
  adapter = MakeAdapter(1);
  adapter->tensors[0].b[7] = NAN;
  EXPECT_EQ(CodeOf(adapter), StatusCode::kNumeric);
  adapter = MakeAdapter(1);
  adapter->architecture = "qwen2";
  EXPECT_EQ(CodeOf(adapter), StatusCode::kIncompatible);
}

// Weights are known by their address, so the same file loaded again is another model.
TEST_F(AdapterSetTest, IsRefusedByAnotherModelObject) {
  const auto set = Build({{"a", MakeAdapter(1), 1.0}});
  const auto again = LoadGolden("tiny_q8_0.gguf");
  EXPECT_EQ(Session::Create(again, set, pool_, 0).status().code(), StatusCode::kIncompatible);
  EXPECT_TRUE(Session::Create(again, AdapterSet::Empty(), pool_, 0).ok());
}

// Generations keep the set they started with while another thread publishes new ones.
TEST_F(AdapterSetTest, SwapsWhileSessionsRun) {
  const auto one = Build({{"1", MakeAdapter(1), 1.0}});
  const auto two = Build({{"2", MakeAdapter(2), 1.0}});
  const auto expected_one = LogitsWith(model_, one, pool_);
  const auto expected_two = LogitsWith(model_, two, pool_);
  std::mutex mutex;
  std::shared_ptr<const AdapterSet> current = one;
  std::atomic<bool> stop{false};
  std::thread publisher([&] {
    for (bool first = false; !stop; first = !first) {
      auto fresh = Build({{first ? "1" : "2", MakeAdapter(first ? 1 : 2), 1.0}});
      const std::lock_guard lock(mutex);
      current = std::move(fresh);
    }
  });
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        std::shared_ptr<const AdapterSet> mine;
        {
          const std::lock_guard lock(mutex);
          mine = current;
        }
        const bool is_one = mine->ids()[0] == "1";
        EXPECT_EQ(LogitsWith(model_, mine, pool_), is_one ? expected_one : expected_two);
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  stop = true;
  publisher.join();
}

}  // namespace
}  // namespace selvedge::inference
