#pragma once
// One sequence on a model: its KV cache and position. Not thread-safe; sessions on one model are
// independent, and may go on together in one pass over its weights.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <selvedge/status.h>

#include "core/thread_pool.h"
#include "inference/model/model.h"
#include "inference/session/adapter_set.h"
#include "inference/session/kv_cache.h"

namespace selvedge::inference {

class Session {
 public:
  // n_ctx 0 = the model's. kLimit if larger than the model was trained for or than memory allows;
  // kIncompatible if the adapters were built for another Model object.
  // kv_type: how keys and values are kept, F16, Q8_0 (half the memory; kIncompatible if heads are
  // no multiple of 32) or F32 (twice the memory, no rounding). The pool must outlive it.
  static Result<std::unique_ptr<Session>> Create(std::shared_ptr<const Model> model,
                                                 std::shared_ptr<const AdapterSet> adapters,
                                                 core::ThreadPool& pool, int64_t n_ctx,
                                                 core::DType kv_type = core::DType::kF16);
  ~Session();

  // Runs the tokens after those seen so far. `logits` is resized to [n_vocab] (after the last
  // token) or, with all, [tokens.size(), n_vocab]; null if not wanted. kLimit if the context is
  // full, kUsage for a bad id.
  Status Append(std::span<const int32_t> tokens, bool all, std::vector<float>* logits);

  // As Append one token at a time, to the bit, with all logits: at most kMostAlone tokens, cheaper
  // than so many calls. Not for F32 keys and values.
  static constexpr size_t kMostAlone = 32;
  Status AppendAsAlone(std::span<const int32_t> tokens, std::vector<float>* logits);

  // AppendAsAlone on several sessions at once, each with adapters of its own: the weights are read
  // once for all of them. A step that fails does not touch the others.
  struct Step {
    Session* session;
    std::span<const int32_t> tokens;
    std::vector<float>* logits;
    Status status;  // the outcome
  };
  // The sessions are different ones on one Model object. Not while another thread uses one of them.
  static void AppendTogether(std::span<Step> steps);

  // Forgets the tokens from `position` on; kUsage if it lies beyond those seen or, but for 0, more
  // than KvCache::kKeptBehindWindow before them in a model with local layers.
  Status Rewind(int64_t position);

  // Keys and values of the tokens seen so far, for another session on the same model, adapters,
  // n_ctx and kv_type that is to go on from there; that session must be new. kUsage otherwise.
  std::vector<KvCache::Block> Share();
  KvCache::BlockBytes block_bytes() const;
  Status Adopt(std::vector<KvCache::Block> blocks, int64_t positions);
  // Whether the blocks hold all that a token at this position looks back on.
  bool CanGoOn(std::span<const KvCache::Block> blocks, int64_t position) const;

  int64_t position() const;
  int64_t n_ctx() const;
  core::DType kv_type() const;
  const AdapterSet& adapters() const;

 private:
  Session();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Sum of next-token cross-entropies of one sequence and how often the true token was ranked first /
// in the first three.
struct SequenceScore {
  double loss_sum = 0;  // nats
  int64_t tokens = 0;   // scored: all but the first
  int64_t top1 = 0;
  int64_t top3 = 0;
  std::vector<uint8_t> rank;  // per scored token: 1 if first, 3 if second or third, 0 otherwise
  std::vector<double> loss;   // per scored token, nats
};

// Scores tokens[1..] given their prefix, in windows of n_ctx tokens (each window starts afresh with
// the last token of the one before), keys and values kept as `kv_type`. kNumeric if a logit is not
// finite.
Result<SequenceScore> ScoreSequence(std::shared_ptr<const Model> model,
                                    std::shared_ptr<const AdapterSet> adapters,
                                    core::ThreadPool& pool, std::span<const int32_t> tokens,
                                    int64_t n_ctx, core::DType kv_type = core::DType::kF16);

}  // namespace selvedge::inference
