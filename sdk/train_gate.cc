#include "sdk/train_gate.h"

#include <map>
#include <memory>

#include "core/digest.h"
#include "inference/session/session.h"
#include "sdk/train_data.h"
#include "trainer/job/gate.h"

namespace selvedge {
namespace {

// Three passes over this many records take a few seconds on a phone; records are in order of
// arrival, and which groups are held out is random.
constexpr size_t kMaxScoredRecords = 256;

using Set = std::shared_ptr<const inference::AdapterSet>;

Result<Set> SetOf(const BaseModel& base, std::shared_ptr<const adapters::LoraAdapter> adapter) {
  if (adapter == nullptr) return inference::AdapterSet::Empty();
  return inference::AdapterSet::Build(*base.model, {{"", std::move(adapter), 1.0}});
}

// Held-out records, each with the index of its group.
struct HeldOut {
  std::vector<std::vector<int32_t>> records;
  std::vector<size_t> group_of;
  size_t groups = 0;
};

struct Scores {
  std::vector<trainer::GroupLoss> groups;
  double mean = 0;  // nats per token
  int64_t tokens = 0;
};

Result<HeldOut> Tokenise(const BaseModel& base, const std::vector<vault::EligibleRecord>& heldout) {
  HeldOut out;
  std::map<std::string, size_t> groups;
  for (const vault::EligibleRecord& r : heldout) {
    if (out.records.size() == kMaxScoredRecords) break;
    SELVEDGE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, RecordTokens(*base.tokenizer, r.text));
    if (tokens.size() < 2) continue;
    out.records.push_back(std::move(tokens));
    out.group_of.push_back(groups.emplace(core::Hex(r.group_key), groups.size()).first->second);
  }
  out.groups = groups.size();
  return out;
}

Result<Scores> Score(const BaseModel& base, const HeldOut& heldout, const Set& adapters,
                     core::ThreadPool& pool) {
  const int64_t n_ctx = base.model->config().n_ctx;
  Scores scores;
  scores.groups.resize(heldout.groups);
  for (size_t i = 0; i < heldout.records.size(); ++i) {
    SELVEDGE_ASSIGN_OR_RETURN(
        const inference::SequenceScore score,
        inference::ScoreSequence(base.model, adapters, pool, heldout.records[i], n_ctx));
    trainer::GroupLoss& group = scores.groups[heldout.group_of[i]];
    group.loss += score.loss_sum;
    group.tokens += score.tokens;
    scores.mean += score.loss_sum;
    scores.tokens += score.tokens;
  }
  if (scores.tokens > 0) scores.mean /= static_cast<double>(scores.tokens);
  return scores;
}

}  // namespace

Result<GateReport> JudgeCandidate(const BaseModel& base,
                                  const std::vector<vault::EligibleRecord>& heldout,
                                  std::shared_ptr<const adapters::LoraAdapter> active,
                                  std::shared_ptr<const adapters::LoraAdapter> candidate,
                                  core::ThreadPool& pool) {
  SELVEDGE_ASSIGN_OR_RETURN(const HeldOut records, Tokenise(base, heldout));
  const auto score_with = [&](std::shared_ptr<const adapters::LoraAdapter> a) -> Result<Scores> {
    SELVEDGE_ASSIGN_OR_RETURN(const Set set, SetOf(base, std::move(a)));
    return Score(base, records, set, pool);
  };
  SELVEDGE_ASSIGN_OR_RETURN(const Scores before, score_with(nullptr));
  Scores current = before;
  if (active != nullptr) {
    SELVEDGE_ASSIGN_OR_RETURN(current, score_with(active));
  }
  GateReport report;
  report.loss_before = current.mean;
  const Result<Scores> after = score_with(candidate);
  if (!after.ok()) {
    // Weights that break the forward pass are the candidate's fault, not the job's.
    if (after.status().code() != StatusCode::kNumeric) return after.status();
    report.reason = "its logits are not finite";
    return report;
  }
  report.loss_after = after->mean;
  const trainer::GateDecision decision =
      trainer::DecideGate({before.mean, current.mean, after->mean, before.tokens, candidate.get(),
                           trainer::GainError(before.groups, after->groups),
                           trainer::GainError(current.groups, after->groups)});
  report.accepted = decision.accepted;
  report.reason = decision.reason;
  return report;
}

}  // namespace selvedge
