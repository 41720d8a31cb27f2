#include "sdk/train_gate.h"

#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include "core/digest.h"
#include "inference/session/session.h"
#include "sdk/train_data.h"
#include "trainer/job/gate_vote.h"

namespace selvedge {
namespace {

using Set = std::shared_ptr<const inference::AdapterSet>;

Result<Set> SetOf(const BaseModel& base, std::shared_ptr<const adapters::LoraAdapter> adapter) {
  if (adapter == nullptr) return inference::AdapterSet::Empty();
  return inference::AdapterSet::Build(*base.model, {{"", std::move(adapter), 1.0}});
}

// Held-out records, each with the index of its group.
struct HeldOut {
  std::vector<std::vector<int32_t>> records;
  std::vector<std::vector<uint8_t>> counted;  // CountedTokens
  std::vector<size_t> group_of;
  size_t groups = 0;
};

Result<HeldOut> Tokenise(const BaseModel& base, const std::vector<vault::EligibleRecord>& heldout) {
  HeldOut out;
  std::map<std::string, size_t> groups;
  for (const vault::EligibleRecord& r : heldout) {
    if (out.records.size() == kMostHeldOutRecords) break;
    SELVEDGE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, RecordTokens(*base.tokenizer, r.text));
    if (tokens.size() < 2) continue;
    out.counted.push_back(CountedTokens(*base.tokenizer, tokens));
    out.records.push_back(std::move(tokens));
    out.group_of.push_back(groups.emplace(core::Hex(r.group_key), groups.size()).first->second);
  }
  out.groups = groups.size();
  return out;
}

// Weights that break the forward pass lose by an infinite loss, which is the adapter's fault and
// not the job's.
Result<std::vector<trainer::GroupLoss>> Score(const BaseModel& base, const HeldOut& heldout,
                                              const Set& adapters, core::ThreadPool& pool) {
  const int64_t n_ctx = base.model->config().n_ctx;
  std::vector<trainer::GroupLoss> losses(heldout.groups);
  for (size_t i = 0; i < heldout.records.size(); ++i) {
    const Result<inference::SequenceScore> score =
        inference::ScoreSequence(base.model, adapters, pool, heldout.records[i], n_ctx);
    if (!score.ok() && score.status().code() != StatusCode::kNumeric) return score.status();
    trainer::GroupLoss& group = losses[heldout.group_of[i]];
    for (size_t t = 1; t < heldout.records[i].size(); ++t) {
      if (heldout.counted[i][t] == 0) continue;
      group.loss += score.ok() ? score->loss[t - 1] : HUGE_VAL;
      ++group.tokens;
    }
  }
  return losses;
}

int64_t Tokens(std::span<const trainer::GroupLoss> groups) {
  return std::accumulate(
      groups.begin(), groups.end(), int64_t{0},
      [](int64_t sum, const trainer::GroupLoss& group) { return sum + group.tokens; });
}

}  // namespace

double MeanLoss(std::span<const trainer::GroupLoss> groups) {
  double loss = 0;
  for (const trainer::GroupLoss& group : groups) loss += group.loss;
  const int64_t tokens = Tokens(groups);
  return tokens > 0 ? loss / static_cast<double>(tokens) : 0;
}

Result<HeldOutScores> ScoreHeldOut(const BaseModel& base,
                                   const std::vector<vault::EligibleRecord>& heldout,
                                   std::shared_ptr<const adapters::LoraAdapter> active,
                                   std::shared_ptr<const adapters::LoraAdapter> candidate,
                                   core::ThreadPool& pool) {
  SELVEDGE_ASSIGN_OR_RETURN(const HeldOut records, Tokenise(base, heldout));
  const auto score_with = [&](std::shared_ptr<const adapters::LoraAdapter> a)
      -> Result<std::vector<trainer::GroupLoss>> {
    SELVEDGE_ASSIGN_OR_RETURN(const Set set, SetOf(base, std::move(a)));
    return Score(base, records, set, pool);
  };
  HeldOutScores scores;
  SELVEDGE_ASSIGN_OR_RETURN(scores.base, score_with(nullptr));
  if (active != nullptr) {
    SELVEDGE_ASSIGN_OR_RETURN(scores.active, score_with(std::move(active)));
  }
  SELVEDGE_ASSIGN_OR_RETURN(scores.candidate, score_with(std::move(candidate)));
  return scores;
}

trainer::GateDecision JudgeExactly(const HeldOutScores& scores,
                                   const adapters::LoraAdapter& candidate) {
  return trainer::DecideGate({MeanLoss(scores.base), MeanLoss(scores.current()),
                              MeanLoss(scores.candidate), Tokens(scores.base), &candidate,
                              trainer::GainError(scores.base, scores.candidate),
                              trainer::GainError(scores.current(), scores.candidate)});
}

std::vector<int> VotesOf(const HeldOutScores& scores) {
  std::vector<int> votes;
  for (size_t i = 0; i < scores.candidate.size(); ++i) {
    const std::array<trainer::GroupLoss, 2> rivals = {scores.base[i], scores.current()[i]};
    votes.push_back(trainer::VoteOf(scores.candidate[i], rivals));
  }
  return votes;
}

}  // namespace selvedge
