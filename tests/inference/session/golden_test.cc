// SOURCE of golden logits: tests/inference/golden/make_golden.py, numpy 1.24.2, seed 7.

#include <gtest/gtest.h>

#include <cmath>

#include "adapters/store.h"
#include "inference/session/session.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::LoadGolden;

// Root mean square of the difference over that of the reference, over all positions.
struct Distance {
  double relative = 0;
  double largest = 0;
};

Distance Compare(const std::vector<float>& all, const std::vector<float>& golden, size_t n_vocab) {
  const auto positions = testing::GoldenPositions();
  EXPECT_EQ(golden.size(), positions.size() * n_vocab);
  double error = 0, size = 0, largest = 0;
  for (size_t p = 0; p < positions.size(); ++p) {
    for (size_t i = 0; i < n_vocab; ++i) {
      const double want = golden[p * n_vocab + i];
      const double off = all[static_cast<size_t>(positions[p]) * n_vocab + i] - want;
      error += off * off;
      size += want * want;
      largest = std::max(largest, std::abs(off));
    }
  }
  return {std::sqrt(error / size), largest};
}

Distance RunModel(const std::shared_ptr<const Model>& model,
                  std::shared_ptr<const AdapterSet> adapters, const std::string& golden) {
  core::ThreadPool pool(2);
  auto session = Session::Create(model, std::move(adapters), pool, 0, core::DType::kF32);
  EXPECT_TRUE(session.ok());
  std::vector<float> logits;
  const Status status = (*session)->Append(testing::GoldenTokens(), true, &logits);
  EXPECT_TRUE(status.ok()) << status.message();
  return Compare(logits, testing::ReadGoldenFloats(golden + ".logits.f32"),
                 model->config().n_vocab);
}

TEST(GoldenLogits, AgreeForFloat32Weights) {
  EXPECT_LT(RunModel(LoadGolden("tiny_f32.gguf"), AdapterSet::Empty(), "tiny_f32").largest, 1e-4);
}

// Serving may round activations to 8-bit blocks: one product is off by about 0.5 % of its norm, and
// the logits of two layers by about 2 % of theirs.
TEST(GoldenLogits, AgreeForHalfPrecisionWeights) {
  EXPECT_LT(RunModel(LoadGolden("tiny_f16.gguf"), AdapterSet::Empty(), "tiny_f16").relative, 0.005);
}
TEST(GoldenLogits, AgreeForQ8Weights) {
  EXPECT_LT(RunModel(LoadGolden("tiny_q8_0.gguf"), AdapterSet::Empty(), "tiny_q8_0").relative,
            0.02);
}
TEST(GoldenLogits, AgreeForQ4WeightsUntiedOutputAndScaledPositions) {
  EXPECT_LT(RunModel(LoadGolden("tiny_q4_0.gguf"), AdapterSet::Empty(), "tiny_q4_0").relative,
            0.02);
}

TEST(GoldenLogits, AgreeWithAPeftAdapter) {
  const auto model = LoadGolden("tiny_f32.gguf");
  auto adapter = adapters::ReadPeft(testing::GoldenPath("lora"), {"llama", 2, 4, 2, 8});
  ASSERT_TRUE(adapter.ok()) << adapter.status().message();
  auto shared = std::make_shared<const adapters::LoraAdapter>(std::move(*adapter));
  auto set = AdapterSet::Build(*model, {{"lora", shared, 1.0}});
  ASSERT_TRUE(set.ok()) << set.status().message();
  EXPECT_LT(RunModel(model, *set, "tiny_f32_lora").largest, 1e-4);
  EXPECT_GT(RunModel(model, AdapterSet::Empty(), "tiny_f32_lora").relative, 0.1);
}

}  // namespace
}  // namespace selvedge::inference
