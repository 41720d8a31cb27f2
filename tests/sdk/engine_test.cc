#include <selvedge/engine.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "adapters/store.h"
#include "sdk/engine_impl.h"

namespace selvedge {
namespace {

Engine OpenDefault() {
  Result<Engine> engine = Engine::Open({"", 2});
  if (!engine.ok()) ADD_FAILURE() << engine.status().message();
  return std::move(engine).value();
}

GenerateOptions Greedy(const std::string& prompt, int64_t n) {
  GenerateOptions options;
  options.prompt = prompt;
  options.n_predict = n;
  options.sampling.temperature = 0;
  return options;
}

// A LoRA file for the embedded model, on one attention weight, large enough to change the text.
std::string WriteLora(const Engine& engine, const std::string& name) {
  const kernels::WeightView& weight = *engine.impl()->model->FindWeight("blk.0.attn_q.weight");
  adapters::LoraTensor tensor;
  tensor.base_name = "blk.0.attn_q.weight";
  tensor.rank = 2;
  tensor.in = static_cast<uint32_t>(weight.cols);
  tensor.out = static_cast<uint32_t>(weight.rows);
  for (size_t i = 0; i < 2 * weight.cols; ++i) {
    tensor.a.push_back(std::sin(static_cast<float>(i)));
  }
  for (size_t i = 0; i < 2 * weight.rows; ++i) {
    tensor.b.push_back(std::cos(static_cast<float>(i)));
  }
  adapters::LoraAdapter adapter;
  adapter.architecture = "llama";
  adapter.rank = 2;
  adapter.alpha = 2;
  adapter.tensors = {tensor};
  const std::string path = testing::TempDir() + name;
  EXPECT_TRUE(adapters::WriteGgufLora(path, adapter).ok());
  return path;
}

TEST(Engine, OpensTheEmbeddedModel) {
  const Engine engine = OpenDefault();
  const ModelInfo info = engine.info();
  EXPECT_EQ(info.path, "embedded:default");
  EXPECT_EQ(info.arch, "llama");
  EXPECT_GT(info.parameters, 0);
  EXPECT_GT(info.bytes_read_per_token, info.file_bytes / 2);
  EXPECT_EQ(engine.BaseDigest()->size(), 64u);
}

TEST(Engine, StreamsExactlyTheText) {
  const Engine engine = OpenDefault();
  GenerateOptions options = Greedy("The harbour", 24);
  std::string streamed;
  options.on_text = [&](std::string_view piece) {
    streamed += piece;
    return true;
  };
  const auto result = engine.Generate(options);
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(streamed, result->text);
  EXPECT_EQ(result->generated_tokens, 24);
}

TEST(Engine, StopsWithinATokenWhenCancelled) {
  const Engine engine = OpenDefault();
  std::atomic<bool> cancel{false};
  GenerateOptions options = Greedy("The harbour", -1);
  options.ignore_eos = true;
  options.cancel = &cancel;
  int pieces = 0;
  options.on_text = [&](std::string_view) {
    if (++pieces == 3) cancel = true;
    return true;
  };
  const auto result = engine.Generate(options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->finish_reason, "cancelled");
  EXPECT_EQ(pieces, 3);
}

TEST(Engine, RefusesBadOptions) {
  const Engine engine = OpenDefault();
  const auto code = [&](const std::function<void(GenerateOptions&)>& spoil) {
    GenerateOptions options = Greedy("a", 1);
    spoil(options);
    return engine.Generate(options).status().code();
  };
  EXPECT_EQ(code([](auto& o) { o.n_predict = -2; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.n_ctx = -1; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.n_ctx = 1ll << 31; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.sampling.temperature = NAN; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.sampling.top_p = 0; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.adapter = "a-1"; }), StatusCode::kUsage);
  EXPECT_EQ(code([](auto& o) { o.lora = {{"/absent", 1}}; }), StatusCode::kNotFound);
  EXPECT_EQ(code([](auto& o) { o.prompt.assign(100'000, 'a'); }), StatusCode::kLimit);
  EXPECT_EQ(code([](auto& o) { o.prompt.assign(size_t{1} << 26, 'a'); }), StatusCode::kLimit);
}

TEST(Engine, AppliesLoraFilesAtTheirScale) {
  const Engine engine = OpenDefault();
  const std::string path = WriteLora(engine, "engine_test.gguf");
  const std::vector<int32_t> ids = {1, 20, 30};
  const auto base = engine.Logits(ids, {}, false);
  const auto zero = engine.Logits(ids, {{path, 0}}, false);
  const auto one = engine.Logits(ids, {{path, 1}}, false);
  ASSERT_TRUE(base.ok() && zero.ok() && one.ok());
  EXPECT_EQ(*base, *zero);
  EXPECT_NE(*base, *one);
  EXPECT_EQ(
      engine.Logits(ids, {{path, std::numeric_limits<double>::quiet_NaN()}}, false).status().code(),
      StatusCode::kUsage);
  GenerateOptions options = Greedy("a", 1);
  options.lora = {{path, 1}};
  EXPECT_EQ(engine.Generate(options)->adapter_ids, (std::vector<std::string>{"engine_test.gguf"}));
}

TEST(Engine, GivesTheSameTextsFromSeveralThreads) {
  const Engine engine = OpenDefault();
  const std::string expected = engine.Generate(Greedy("The harbour", 12))->text;
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&] { text = engine.Generate(Greedy("The harbour", 12))->text; });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) EXPECT_EQ(text, expected);
}

// The loss of Eval against the cross-entropy of Logits, computed here in double precision.
TEST(Engine, EvalAgreesWithTheLogits) {
  const Engine engine = OpenDefault();
  const std::string text = "The boats stayed in the harbour.";
  std::vector<int32_t> ids = *engine.Tokenize(text, true, false);
  const auto logits = engine.Logits(ids, {}, true);
  ASSERT_TRUE(logits.ok());
  const auto vocab = static_cast<size_t>(engine.info().vocab_size);
  double loss = 0;
  int64_t first = 0;
  for (size_t t = 0; t + 1 < ids.size(); ++t) {
    const float* row = logits->data() + t * vocab;
    double sum = 0;
    size_t better = 0;
    const auto next = static_cast<size_t>(ids[t + 1]);
    for (size_t v = 0; v < vocab; ++v) {
      sum += std::exp(static_cast<double>(row[v]));
      better += row[v] > row[next] ? 1 : 0;
    }
    loss += std::log(sum) - static_cast<double>(row[next]);
    first += better == 0 ? 1 : 0;
  }
  EvalOptions options;
  options.documents = {text};
  const auto result = engine.Eval(options);
  ASSERT_TRUE(result.ok()) << result.status().message();
  const auto scored = static_cast<double>(ids.size() - 1);
  EXPECT_EQ(result->tokens, static_cast<int64_t>(ids.size()) - 1);
  // Batched and stepwise products round their 8-bit activations alike, sums differ in order.
  EXPECT_NEAR(result->loss, loss / scored, 1e-3);
  EXPECT_NEAR(result->ppl, std::exp(result->loss), 1e-9);
  EXPECT_NEAR(result->top1, static_cast<double>(first) / scored, 1e-9);
  EXPECT_EQ(result->words, 6);
  EXPECT_NEAR(result->bits_per_byte,
              result->loss * scored / std::log(2.0) / static_cast<double>(text.size()), 1e-9);
}

TEST(Engine, DetokenizesWhatItTokenized) {
  const Engine engine = OpenDefault();
  const std::string text =
      "Gr\xC3\xBC\xC3\x9F"
      "e, 12 bees & \xF0\x9F\x90\x9D";
  const auto ids = engine.Tokenize(text, false, false);
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(*engine.Detokenize(*ids), text);
  EXPECT_EQ(engine.Detokenize({-1}).status().code(), StatusCode::kUsage);
}

TEST(Engine, ChatsThroughTheModelsTemplate) {
  const Engine engine = OpenDefault();
  const auto result = engine.Chat({{"user", "Hello."}}, Greedy("ignored", 8));
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_GT(result->prompt_tokens, 3);
  EXPECT_EQ(engine.Chat({{"robot", "Hello."}}, Greedy("", 8)).status().code(), StatusCode::kUsage);
}

}  // namespace
}  // namespace selvedge
