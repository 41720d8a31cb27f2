// A warm prompt cache changes how fast a prompt is read, never what comes after it.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "adapters/store.h"
#include "sdk/engine_impl.h"
#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

Engine OpenEngine(int64_t prompt_cache_mb = 64) {
  EngineOptions options;
  options.threads = 1;
  options.prompt_cache_mb = prompt_cache_mb;
  Result<Engine> engine = Engine::Open(options);
  if (!engine.ok()) ADD_FAILURE() << engine.status().message();
  return std::move(engine).value();
}

// A LoRA file at `path` for the embedded model; `phase` tells the weights apart.
void WriteLora(const std::string& path, float phase) {
  const Engine engine = OpenEngine();
  const kernels::WeightView& weight = *engine.impl()->model->FindWeight("blk.0.attn_v.weight");
  adapters::LoraTensor tensor;
  tensor.base_name = "blk.0.attn_v.weight";
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
  ASSERT_TRUE(adapters::WriteGgufLora(path, adapter).ok());
}

// About `words` tokens.
std::string LongPrompt(int words, const std::string& last = "") {
  std::string prompt;
  for (int i = 0; i < words; ++i) prompt += "w" + std::to_string(i * i % 89) + " ";
  return prompt + last;
}

class PromptCacheTest : public HomeTest {
 protected:
  static GenerateOptions Options(const std::string& prompt) {
    GenerateOptions options;
    options.prompt = prompt;
    options.n_predict = 12;
    options.sampling.temperature = 0;
    options.adapter = "none";
    return options;
  }
  static GenerateResult Run(const Engine& engine, const GenerateOptions& options) {
    const auto result = engine.Generate(options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? *result : GenerateResult{};
  }
  std::string Path(const std::string& name) const { return (root_ / name).string(); }
  int SavedCaches() const {
    int count = 0;
    for (const auto& file : std::filesystem::directory_iterator(root_ / "home" / "checkpoints")) {
      count += file.path().filename().string().starts_with("prompt-cache-");
    }
    return count;
  }
};

TEST_F(PromptCacheTest, TheSamePromptIsReadOnce) {
  const Engine engine = OpenEngine(), cold = OpenEngine(0);
  for (const int words : {1, 20, 60, 160}) {
    const GenerateOptions options = Options(LongPrompt(words));
    const GenerateResult first = Run(engine, options), again = Run(engine, options);
    EXPECT_EQ(again.cached_tokens, again.prompt_tokens) << words;
    EXPECT_EQ(first.text, Run(cold, options).text);
    EXPECT_EQ(again.text, first.text);
    EXPECT_EQ(Run(cold, options).cached_tokens, 0);
  }
}

TEST_F(PromptCacheTest, PromptsThatBeginAlikeShareWholeChunks) {
  const Engine engine = OpenEngine(), cold = OpenEngine(0);
  const GenerateResult first = Run(engine, Options(LongPrompt(150, "and so on")));
  ASSERT_GT(first.prompt_tokens, 300);
  EXPECT_EQ(first.cached_tokens, 0);
  const GenerateOptions other = Options(LongPrompt(150, "but then"));
  const GenerateResult second = Run(engine, other);
  EXPECT_EQ(second.cached_tokens, second.prompt_tokens / 256 * 256);
  EXPECT_EQ(second.text, Run(cold, other).text);
  EXPECT_EQ(Run(engine, Options("x" + LongPrompt(150))).cached_tokens, 0);
}

TEST_F(PromptCacheTest, AnotherAdapterNeverFindsTheKeysOfThisOne) {
  WriteLora(Path("a.gguf"), 0.5f);
  WriteLora(Path("b.gguf"), 2.0f);
  const Engine engine = OpenEngine(), cold = OpenEngine(0);
  std::vector<std::string> texts;
  for (int round = 0; round < 2; ++round) {
    for (const std::vector<LoraFile>& lora : {std::vector<LoraFile>{},
                                              {{Path("a.gguf"), 1.0}},
                                              {{Path("b.gguf"), 1.0}},
                                              {{Path("a.gguf"), 0.5}},
                                              {{Path("a.gguf"), 1.0}, {Path("b.gguf"), 1.0}}}) {
      GenerateOptions options = Options(LongPrompt(80));
      options.lora = lora;
      const GenerateResult warm = Run(engine, options);
      EXPECT_EQ(warm.cached_tokens, round == 0 ? 0 : warm.prompt_tokens);
      EXPECT_EQ(warm.text, Run(cold, options).text);
      texts.push_back(warm.text);
    }
  }
  EXPECT_NE(texts[1], texts[0]) << "the adapter changes nothing: the test tests nothing";
  EXPECT_NE(texts[2], texts[1]);
}

TEST_F(PromptCacheTest, AnotherAdapterUnderTheSameNameIsAnotherAdapter) {
  const Engine engine = OpenEngine(), cold = OpenEngine(0);
  GenerateOptions options = Options(LongPrompt(80));
  options.lora = {{Path("same.gguf"), 1.0}};
  WriteLora(Path("same.gguf"), 0.5f);
  const std::string before = Run(engine, options).text;
  WriteLora(Path("same.gguf"), 2.0f);
  const GenerateResult after = Run(engine, options);
  EXPECT_EQ(after.cached_tokens, 0);
  EXPECT_EQ(after.text, Run(cold, options).text);
  EXPECT_NE(after.text, before);
}

TEST_F(PromptCacheTest, AnotherContextLengthHasKeysOfItsOwn) {
  const Engine engine = OpenEngine();
  GenerateOptions options = Options(LongPrompt(40));
  Run(engine, options);
  options.n_ctx = 400;
  EXPECT_EQ(Run(engine, options).cached_tokens, 0);
}

TEST_F(PromptCacheTest, HoldsNoMoreThanItMay) {
  const Engine engine = OpenEngine(1);
  for (int i = 0; i < 12; ++i) Run(engine, Options(std::to_string(i) + LongPrompt(60)));
  EXPECT_GT(engine.impl()->prompt_cache.bytes(), 0u);
  EXPECT_LE(engine.impl()->prompt_cache.bytes(), uint64_t{1} << 20);
}

TEST_F(PromptCacheTest, GoesThroughTheHomeAndBack) {
  Make();
  const GenerateOptions options = Options(LongPrompt(150));
  Engine engine = OpenEngine();
  EXPECT_EQ(engine.SavePromptCache().status().code(), StatusCode::kUsage);
  ASSERT_TRUE(engine.AttachHome(&*home_).ok());
  EXPECT_EQ(*engine.LoadPromptCache(), 0);
  const GenerateResult first = Run(engine, options);
  ASSERT_GT(*engine.SavePromptCache(), 0);
  ASSERT_GT(*engine.SavePromptCache(), 0);

  Reopen();
  Engine later = OpenEngine();
  ASSERT_TRUE(later.AttachHome(&*home_).ok());
  ASSERT_GT(*later.LoadPromptCache(), 0);
  const GenerateResult again = Run(later, options);
  EXPECT_EQ(again.cached_tokens, again.prompt_tokens);
  EXPECT_EQ(again.text, first.text);
}

TEST_F(PromptCacheTest, ASavedCacheHoldsNothingInTheOpenAndIsNotTakenWhenChanged) {
  Make();
  Engine engine = OpenEngine();
  ASSERT_TRUE(engine.AttachHome(&*home_).ok());
  Run(engine, Options(LongPrompt(30)));
  const std::vector<uint8_t> plain = engine.impl()->prompt_cache.Serialize();
  ASSERT_TRUE(engine.SavePromptCache().ok());
  std::string path;
  for (const auto& file : std::filesystem::directory_iterator(root_ / "home" / "checkpoints")) {
    if (file.path().filename().string().starts_with("prompt-cache-")) path = file.path().string();
  }
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const std::string key(reinterpret_cast<const char*>(plain.data()) + 16, 32);
  EXPECT_EQ(bytes.find(key), std::string::npos);
  ASSERT_GT(bytes.size(), 1000u);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(engine.LoadPromptCache().status().code(), StatusCode::kAuth);
}

TEST_F(PromptCacheTest, GoesWhenRecordsGoOrConsentIsWithdrawn) {
  Make();
  ASSERT_TRUE(home_->Ingest("notes", RecordFormat::kText, "a note about the boats\n", "").ok());
  const GenerateOptions options = Options(LongPrompt(30));
  const std::vector<std::function<Status()>> removals = {
      [&] { return home_->DeleteRecords({}).status(); },
      [&] { return home_->Revoke("notes", "personalization"); }};
  for (const auto& remove : removals) {
    Engine engine = OpenEngine();
    ASSERT_TRUE(engine.AttachHome(&*home_).ok());
    Run(engine, options);
    ASSERT_GT(*engine.SavePromptCache(), 0);
    ASSERT_EQ(SavedCaches(), 1);
    ASSERT_TRUE(remove().ok());
    EXPECT_EQ(SavedCaches(), 0);
    // A running engine forgets too, and does not write back what it held.
    GenerateOptions active = options;
    active.adapter = "active";
    EXPECT_EQ(Run(engine, active).cached_tokens, 0);
  }
  Engine engine = OpenEngine();
  ASSERT_TRUE(engine.AttachHome(&*home_).ok());
  Run(engine, options);
  ASSERT_TRUE(home_->Grant("notes", "personalization", 0).ok());
  ASSERT_TRUE(home_->Revoke("notes", "personalization").ok());
  ASSERT_TRUE(engine.SavePromptCache().ok());
  Engine later = OpenEngine();
  ASSERT_TRUE(later.AttachHome(&*home_).ok());
  ASSERT_TRUE(later.LoadPromptCache().ok());
  EXPECT_EQ(Run(later, options).cached_tokens, 0);
}

TEST(PromptCacheBytes, WhatIsNotItsOwnIsRefusedWhole) {
  inference::PromptCache cache(uint64_t{1} << 20);
  inference::ModelConfig config;
  config.n_layers = config.n_kv_heads = 1;
  config.head_dim = 32;
  config.n_vocab = 10;
  const std::vector<uint8_t> empty = cache.Serialize();
  EXPECT_TRUE(cache.Restore(empty, config).ok());
  for (size_t n = 0; n < empty.size(); ++n) {
    EXPECT_EQ(cache.Restore(std::span(empty).first(n), config).code(), StatusCode::kFormat) << n;
  }
  std::vector<uint8_t> longer = empty;
  longer.push_back(0);
  EXPECT_EQ(cache.Restore(longer, config).code(), StatusCode::kFormat);
  std::vector<uint8_t> many = empty;
  many[8] = 0xFF;  // 255 entries that are not there
  EXPECT_EQ(cache.Restore(many, config).code(), StatusCode::kFormat);
  EXPECT_EQ(cache.bytes(), 0u);
}

}  // namespace
}  // namespace selvedge
