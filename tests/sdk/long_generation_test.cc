// Generations that fill their context, and keys and values in blocks of integers.

#include <gtest/gtest.h>

#include <algorithm>

#include "inference/session/session.h"
#include "sdk/engine_impl.h"

namespace selvedge {
namespace {

Engine OpenEngine(int64_t prompt_cache_mb = 0) {
  EngineOptions options;
  options.threads = 1;
  options.prompt_cache_mb = prompt_cache_mb;
  Result<Engine> engine = Engine::Open(options);
  if (!engine.ok()) ADD_FAILURE() << engine.status().message();
  return std::move(engine).value();
}

GenerateOptions Greedy(const std::string& prompt, int64_t n_predict, int64_t n_ctx) {
  GenerateOptions options;
  options.prompt = prompt;
  options.n_predict = n_predict;
  options.n_ctx = n_ctx;
  options.ignore_eos = true;
  options.adapter = "none";
  options.sampling.temperature = 0;
  return options;
}

GenerateResult Text(const Engine& engine, const GenerateOptions& options) {
  const auto result = engine.Generate(options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? *result : GenerateResult{};
}

TEST(FullContext, EndsTheTextAndSaysSo) {
  const Engine engine = OpenEngine();
  const GenerateResult full = Text(engine, Greedy("The harbour", -1, 24));
  EXPECT_EQ(full.finish_reason, "length");
  EXPECT_TRUE(full.context_full);
  EXPECT_EQ(full.prompt_tokens + full.generated_tokens, 24);
  const GenerateResult asked = Text(engine, Greedy("The harbour", 4, 24));
  EXPECT_EQ(asked.finish_reason, "length");
  EXPECT_FALSE(asked.context_full);
}

// The same by hand: a session of its own for each stretch of the text, and the largest logit.
std::string ShiftedByHand(const Engine& engine, const GenerateOptions& options) {
  const Engine::Impl& impl = *engine.impl();
  core::ThreadPool pool(1);
  std::vector<int32_t> history =
      *impl.tokenizer->Encode(options.prompt, impl.tokenizer->adds_bos(), false);
  const size_t n_prompt = history.size(), n_ctx = static_cast<size_t>(options.n_ctx);
  std::unique_ptr<inference::Session> session;
  std::vector<float> logits;
  const auto read = [&] {
    session = *inference::Session::Create(impl.model, inference::AdapterSet::Empty(), pool,
                                          options.n_ctx);
    EXPECT_TRUE(session->Append(history, false, &logits).ok());
  };
  read();
  std::string text;
  for (int64_t i = 0; i < options.n_predict; ++i) {
    if (history.size() == n_ctx) {
      const size_t wanted = options.n_keep < 0 ? n_prompt : static_cast<size_t>(options.n_keep);
      const size_t keep = std::min(wanted, n_ctx / 2);
      const size_t forgotten = (n_ctx - keep + 1) / 2;
      std::vector<int32_t> kept(history.begin(), history.begin() + static_cast<ptrdiff_t>(keep));
      kept.insert(kept.end(), history.begin() + static_cast<ptrdiff_t>(keep + forgotten),
                  history.end());
      history = kept;
      read();
    } else if (i > 0) {
      EXPECT_TRUE(session->Append({&history.back(), 1}, false, &logits).ok());
    }
    for (int32_t id = 0; id < impl.tokenizer->vocab_size(); ++id) {
      if (impl.tokenizer->IsEndOfGeneration(id)) logits[static_cast<size_t>(id)] = -1e30f;
    }
    history.push_back(
        static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    text += impl.tokenizer->PieceBytes(history.back());
  }
  return text;
}

TEST(ContextShift, GoesOnAsAFreshTextOfWhatIsKeptWould) {
  const Engine engine = OpenEngine();
  for (const int64_t n_keep : {int64_t{0}, int64_t{4}, int64_t{-1}, int64_t{1000}}) {
    GenerateOptions options = Greedy("The harbour lay still", 90, 40);
    options.context_shift = true;
    options.n_keep = n_keep;
    const std::string expected = ShiftedByHand(engine, options);
    for (const int draft : {0, 6}) {
      options.draft_max = draft;
      const GenerateResult result = Text(engine, options);
      EXPECT_EQ(result.generated_tokens, 90);
      EXPECT_EQ(result.finish_reason, "length");
      EXPECT_FALSE(result.context_full);
      EXPECT_GE(result.context_shifts, 2);
      // The vocabulary's space before the first word is no part of a continued text.
      EXPECT_EQ(result.text, expected) << n_keep << " " << draft;
    }
  }
}

TEST(ContextShift, WorksInTheSmallestContextAndEndsWhenAsked) {
  const Engine engine = OpenEngine();
  GenerateOptions options = Greedy("", 30, 2);
  options.context_shift = true;
  EXPECT_EQ(Text(engine, options).generated_tokens, 30);
  int pieces = 0;
  options.n_ctx = 24;
  options.n_predict = -1;
  options.on_text = [&](std::string_view) { return ++pieces < 50; };
  EXPECT_EQ(Text(engine, options).finish_reason, "cancelled");
  options.n_keep = -2;
  EXPECT_EQ(engine.Generate(options).status().code(), StatusCode::kUsage);
}

TEST(KvType, HasAPromptCacheOfItsOwn) {
  const Engine engine = OpenEngine(64);
  GenerateOptions options = Greedy("The harbour lay still in the early light", 8, 0);
  EXPECT_EQ(Text(engine, options).cached_tokens, 0);
  options.kv_type = "q8_0";
  EXPECT_EQ(Text(engine, options).cached_tokens, 0);
  EXPECT_GT(Text(engine, options).cached_tokens, 0);
  options.kv_type = "f32";
  EXPECT_EQ(engine.Generate(options).status().code(), StatusCode::kUsage);
}

TEST(KvType, ChangesPerplexityByLessThanAHundredth) {
  const Engine engine = OpenEngine();
  EvalOptions options;
  options.documents = {
      "The harbour lay still in the early light. Ann walked down to the boats and looked for the "
      "one that her father had built. It was not there. She asked the old man who mended nets, and "
      "he said that it had gone out before dawn, with two people in it, and that the wind had "
      "turned since then."};
  const auto halves = engine.Eval(options);
  options.kv_type = "q8_0";
  const auto integers = engine.Eval(options);
  ASSERT_TRUE(halves.ok() && integers.ok());
  EXPECT_NE(integers->ppl, halves->ppl) << "nothing was rounded";
  EXPECT_NEAR(integers->ppl / halves->ppl, 1, 0.01);
}

}  // namespace
}  // namespace selvedge
