// Generations at the same time, with different adapters: each text is the one that it gives alone.

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "adapters/store.h"
#include "sdk/engine_impl.h"
#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

class TogetherTest : public HomeTest {
 protected:
  static Engine Open(int64_t memory_limit_mb = 0) {
    EngineOptions options;
    options.threads = 2;
    options.prompt_cache_mb = 0;
    options.memory_limit_mb = memory_limit_mb;
    Result<Engine> engine = Engine::Open(options);
    if (!engine.ok()) ADD_FAILURE() << engine.status().message();
    return std::move(engine).value();
  }

  // A LoRA file for the embedded model; `phase` tells the weights apart.
  std::string Lora(const Engine& engine, float phase) const {
    adapters::LoraTensor tensor;
    tensor.base_name = "blk.0.attn_v.weight";
    const kernels::WeightView& weight = *engine.impl()->model->FindWeight(tensor.base_name);
    tensor.rank = 2;
    tensor.in = static_cast<uint32_t>(weight.cols);
    tensor.out = static_cast<uint32_t>(weight.rows);
    for (size_t i = 0; i < 2 * weight.cols; ++i) {
      tensor.a.push_back(std::sin(static_cast<float>(i) + phase));
    }
    for (size_t i = 0; i < 2 * weight.rows; ++i) {
      tensor.b.push_back(std::cos(static_cast<float>(i) * phase));
    }
    adapters::LoraAdapter adapter;
    adapter.architecture = "llama";
    adapter.rank = 2;
    adapter.alpha = 2;
    adapter.tensors = {tensor};
    const std::string path = (root_ / ("lora" + std::to_string(phase) + ".gguf")).string();
    EXPECT_TRUE(adapters::WriteGgufLora(path, adapter).ok());
    return path;
  }

  // Requests that differ in all that may differ.
  std::vector<GenerateOptions> Requests(const Engine& engine) const {
    const std::vector<std::vector<LoraFile>> loras = {
        {}, {{Lora(engine, 0.5f), 1}}, {{Lora(engine, 2.0f), 1}}, {{Lora(engine, 0.5f), 0.5}}};
    std::vector<GenerateOptions> requests;
    for (size_t i = 0; i < 8; ++i) {
      GenerateOptions options;
      options.prompt = "The harbour lay still in the " + std::to_string(i) + " o'clock light";
      options.n_predict = 8 + static_cast<int64_t>(i) * 3;
      options.adapter = "none";
      options.lora = loras[i % loras.size()];
      options.ignore_eos = true;
      options.draft_max = i % 3 == 0 ? 4 : 0;
      options.sampling.temperature = i % 2 == 0 ? 0 : 0.8;
      options.sampling.seed = 7;
      requests.push_back(options);
    }
    return requests;
  }
};

TEST_F(TogetherTest, EveryTextIsTheOneThatItGivesAlone) {
  const Engine engine = Open();
  const std::vector<GenerateOptions> requests = Requests(engine);
  const auto results = engine.GenerateTogether(requests);
  ASSERT_EQ(results.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto alone = engine.Generate(requests[i]);
    ASSERT_TRUE(alone.ok() && results[i].ok()) << alone.status().message();
    EXPECT_EQ(results[i]->text, alone->text) << i;
    EXPECT_EQ(results[i]->generated_tokens, requests[i].n_predict);
  }
  EXPECT_NE(results[0]->text, results[4]->text) << "all texts are alike: the test tests nothing";
  EXPECT_GT(engine.impl()->joint.most_together(), 1u) << "no two of them shared a pass";
}

TEST_F(TogetherTest, ARequestThatFailsDoesNotTouchTheOthers) {
  const Engine engine = Open();
  std::vector<GenerateOptions> requests = Requests(engine);
  requests[1].n_ctx = 4;  // less than its prompt
  requests[2].sampling.temperature = -1;
  const auto results = engine.GenerateTogether(requests);
  EXPECT_EQ(results[1].status().code(), StatusCode::kLimit);
  EXPECT_EQ(results[2].status().code(), StatusCode::kUsage);
  EXPECT_EQ(results[0]->text, engine.Generate(requests[0])->text);
  EXPECT_EQ(results[3]->text, engine.Generate(requests[3])->text);
  EXPECT_TRUE(engine.GenerateTogether({}).empty());
}

TEST_F(TogetherTest, AReaderThatSleepsDoesNotHoldUpTheOthers) {
  const Engine engine = Open();
  std::vector<GenerateOptions> requests = Requests(engine);
  requests.resize(2);
  std::atomic<bool> other_ended{false};
  requests[0].n_predict = 2;
  requests[0].on_text = [&](std::string_view) {
    while (!other_ended) std::this_thread::yield();
    return true;
  };
  std::thread slow([&] { EXPECT_TRUE(engine.Generate(requests[0]).ok()); });
  EXPECT_TRUE(engine.Generate(requests[1]).ok());
  other_ended = true;
  slow.join();
}

TEST_F(TogetherTest, TheMemoryLimitCountsAllThatRunAtTheSameTime) {
  Engine engine = Open(100);
  const inference::Model& model = *engine.impl()->model;
  MemoryBudget& memory = engine.impl()->memory;
  // Keys and values of 36 MiB: room for one such generation, not for two.
  const auto positions = static_cast<int64_t>(
      (36u << 20) / inference::KvCache::BytesFor(model.config(), core::DType::kF16, 64) * 64);
  auto first = memory.Take(model, core::DType::kF16, positions);
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_EQ(memory.Take(model, core::DType::kF16, positions).status().code(), StatusCode::kBusy);
  EXPECT_TRUE(memory.Take(model, core::DType::kF16, 64).ok());
  EXPECT_EQ(memory.Take(model, core::DType::kF16, 4 * positions).status().code(),
            StatusCode::kLimit);
  *first = nullptr;
  EXPECT_TRUE(memory.Take(model, core::DType::kF16, positions).ok());
}

}  // namespace
}  // namespace selvedge
