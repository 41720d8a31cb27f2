#include <selvedge/bench.h>

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "inference/session/sampler.h"
#include "inference/session/session.h"
#include "sdk/engine_impl.h"

namespace selvedge {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Status CheckTokens(const BenchOptions& options, int64_t most) {
  if (options.tokens >= 1 && options.tokens <= most) return OkStatus();
  return UsageError("bench: tokens " + std::to_string(options.tokens) + ", 1 to " +
                    std::to_string(most) + " are allowed");
}

// Runs `measure` once without counting it, then `repetitions` times.
Result<std::vector<double>> Repeat(int64_t repetitions,
                                   const std::function<Result<double>()>& measure) {
  if (repetitions < 1 || repetitions > 10000) {
    return UsageError("bench: repetitions " + std::to_string(repetitions) +
                      ", 1 to 10000 are allowed");
  }
  SELVEDGE_RETURN_IF_ERROR(measure().status());
  std::vector<double> values;
  for (int64_t i = 0; i < repetitions; ++i) {
    SELVEDGE_ASSIGN_OR_RETURN(const double value, measure());
    values.push_back(value);
  }
  return values;
}

int32_t FirstToken(const inference::Tokenizer& tokenizer) {
  return tokenizer.bos() >= 0 ? tokenizer.bos() : 0;
}

// Greedily, as one of the generations that run at the same time.
Status Decode(Engine::Impl& impl, inference::Session& session, int64_t tokens) {
  SamplingOptions greedy;
  greedy.temperature = 0;
  SELVEDGE_ASSIGN_OR_RETURN(auto sampler, inference::Sampler::Create(greedy));
  JointDecoding::Member member(impl.joint, session);
  std::vector<int32_t> history = {FirstToken(*impl.tokenizer)};
  std::vector<float> logits;
  for (int64_t i = 0; i < tokens; ++i) {
    SELVEDGE_RETURN_IF_ERROR(member.Append({&history.back(), 1}, &logits));
    SELVEDGE_ASSIGN_OR_RETURN(const int32_t id, sampler.Next(logits, history));
    history.push_back(id);
  }
  return OkStatus();
}

}  // namespace

Result<std::vector<double>> BenchDecode(const Engine& engine, const BenchOptions& options) {
  Engine::Impl& impl = *engine.impl();
  SELVEDGE_RETURN_IF_ERROR(CheckTokens(options, impl.model->config().n_ctx - 1));
  if (options.sessions < 1 || options.sessions > 64) {
    return UsageError("bench: sessions " + std::to_string(options.sessions) +
                      ", 1 to 64 are allowed");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const core::DType kv_type, inference::FindKvType(options.kv_type));
  std::vector<std::shared_ptr<const inference::AdapterSet>> sets;
  for (int64_t i = 0; i < options.sessions; ++i) {
    SELVEDGE_ASSIGN_OR_RETURN(sets.emplace_back(), impl.Adapters(options.adapter, options.lora));
  }
  return Repeat(options.repetitions, [&]() -> Result<double> {
    std::vector<std::unique_ptr<inference::Session>> sessions;
    for (const auto& set : sets) {
      SELVEDGE_ASSIGN_OR_RETURN(sessions.emplace_back(),
                                inference::Session::Create(impl.model, set, impl.pool, 0, kv_type));
    }
    std::vector<Status> outcomes(sessions.size());
    std::vector<std::thread> threads;
    const auto start = Clock::now();
    for (size_t i = 1; i < sessions.size(); ++i) {
      threads.emplace_back([&, i] { outcomes[i] = Decode(impl, *sessions[i], options.tokens); });
    }
    outcomes[0] = Decode(impl, *sessions[0], options.tokens);
    for (std::thread& thread : threads) thread.join();
    const double seconds = SecondsSince(start);
    for (Status& outcome : outcomes) SELVEDGE_RETURN_IF_ERROR(std::move(outcome));
    return static_cast<double>(options.tokens * options.sessions) / seconds;
  });
}

Result<std::vector<double>> BenchPrefill(const Engine& engine, const BenchOptions& options) {
  Engine::Impl& impl = *engine.impl();
  SELVEDGE_RETURN_IF_ERROR(CheckTokens(options, impl.model->config().n_ctx));
  SELVEDGE_ASSIGN_OR_RETURN(const auto set, impl.Adapters(options.adapter, options.lora));
  // Which tokens they are does not change the work; a fixed stride visits the whole vocabulary.
  std::vector<int32_t> ids = {FirstToken(*impl.tokenizer)};
  const int64_t vocab = impl.model->config().n_vocab;
  for (int64_t i = 1; i < options.tokens; ++i) {
    ids.push_back(static_cast<int32_t>(i * 7919 % vocab));
  }
  return Repeat(options.repetitions, [&]() -> Result<double> {
    SELVEDGE_ASSIGN_OR_RETURN(auto session,
                              inference::Session::Create(impl.model, set, impl.pool, 0));
    std::vector<float> logits;
    const auto start = Clock::now();
    SELVEDGE_RETURN_IF_ERROR(session->Append(ids, false, &logits));
    return static_cast<double>(options.tokens) / SecondsSince(start);
  });
}

}  // namespace selvedge
