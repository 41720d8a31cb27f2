#include "sdk/train_gate.h"

#include <memory>

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

struct MeanLoss {
  double loss = 0;
  int64_t tokens = 0;
};

Result<MeanLoss> Score(const BaseModel& base, const std::vector<std::vector<int32_t>>& records,
                       const Set& adapters, core::ThreadPool& pool) {
  const int64_t n_ctx = base.model->config().n_ctx;
  MeanLoss mean;
  for (const std::vector<int32_t>& tokens : records) {
    SELVEDGE_ASSIGN_OR_RETURN(const inference::SequenceScore score,
                              inference::ScoreSequence(base.model, adapters, pool, tokens, n_ctx));
    mean.loss += score.loss_sum;
    mean.tokens += score.tokens;
  }
  if (mean.tokens > 0) mean.loss /= static_cast<double>(mean.tokens);
  return mean;
}

}  // namespace

Result<GateReport> JudgeCandidate(const BaseModel& base,
                                  const std::vector<vault::EligibleRecord>& heldout,
                                  std::shared_ptr<const adapters::LoraAdapter> active,
                                  std::shared_ptr<const adapters::LoraAdapter> candidate,
                                  core::ThreadPool& pool) {
  std::vector<std::vector<int32_t>> records;
  for (const vault::EligibleRecord& r : heldout) {
    if (records.size() == kMaxScoredRecords) break;
    SELVEDGE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, RecordTokens(*base.tokenizer, r.text));
    if (tokens.size() > 1) records.push_back(std::move(tokens));
  }
  const auto loss_with = [&](std::shared_ptr<const adapters::LoraAdapter> a) -> Result<MeanLoss> {
    SELVEDGE_ASSIGN_OR_RETURN(const Set set, SetOf(base, std::move(a)));
    return Score(base, records, set, pool);
  };
  SELVEDGE_ASSIGN_OR_RETURN(const MeanLoss before, loss_with(nullptr));
  MeanLoss current = before;
  if (active != nullptr) {
    SELVEDGE_ASSIGN_OR_RETURN(current, loss_with(active));
  }
  GateReport report;
  report.loss_before = current.loss;
  const Result<MeanLoss> after = loss_with(candidate);
  if (!after.ok()) {
    // Weights that break the forward pass are the candidate's fault, not the job's.
    if (after.status().code() != StatusCode::kNumeric) return after.status();
    report.reason = "its logits are not finite";
    return report;
  }
  report.loss_after = after->loss;
  const trainer::GateDecision decision =
      trainer::DecideGate({before.loss, current.loss, after->loss, before.tokens, candidate.get()});
  report.accepted = decision.accepted;
  report.reason = decision.reason;
  return report;
}

}  // namespace selvedge
