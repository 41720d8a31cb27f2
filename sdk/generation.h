#pragma once
// One generation: a session of its own, from prompt ids to the finished text.

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "inference/grammar/constraint.h"
#include "inference/session/lookahead.h"
#include "inference/session/sampler.h"
#include "inference/session/session.h"
#include "sdk/engine_impl.h"
#include "sdk/engine_text_stream.h"
#include "sdk/pacing.h"

namespace selvedge {

class Generation {
 public:
  // Both must outlive it. The clock of first_token_ms starts here.
  Generation(Engine::Impl& impl, const GenerateOptions& options);

  // `drop_leading_space`: the space that the vocabulary puts before a text is not part of it.
  // kLimit if the prompt fills the context.
  Result<GenerateResult> Run(std::vector<int32_t> ids, bool drop_leading_space);

 private:
  using Clock = std::chrono::steady_clock;

  Status Prefill();
  Status Read(std::span<const int32_t> ids, size_t known,
              const std::function<void(std::span<const int32_t>)>& done);
  Status ShiftContext();
  void StartDecoding();
  void StopDecoding();
  Status Decode(inference::Sampler& sampler, int64_t budget);
  Result<int32_t> Next(inference::Sampler& sampler, int64_t left);
  bool Emit(std::string_view piece);
  void ListEndTokens();
  bool Cancelled() const;
  bool Complete() const;

  Engine::Impl& impl_;
  const GenerateOptions& options_;
  Clock::time_point start_;
  TextStream stream_;
  bool drop_space_ = false;
  std::unique_ptr<inference::Session> session_;
  MemoryBudget::Share memory_;
  std::unique_ptr<JointDecoding::Member> member_;  // while decoding
  std::unique_ptr<inference::Lookahead> lookahead_;
  std::unique_ptr<inference::GrammarConstraint> constraint_;  // null: any text
  std::vector<int32_t> history_;  // prompt and what was generated, but what was forgotten
  size_t n_prompt_ = 0;
  std::vector<int32_t> never_;  // ids that are not drawn: with ignore_eos, those that end a text
  std::vector<float> first_;    // logits after the history, if it was just read
  bool just_read_ = false;
  GenerateResult result_;
  Pacer pacer_;
};

// kLimit, for a prompt of the size that `got` says.
Status PromptTooLong(const std::string& got, int64_t n_ctx);

}  // namespace selvedge
