#include <algorithm>
#include <cmath>

#include "inference/session/session.h"

namespace selvedge::inference {
namespace {

constexpr size_t kChunk = 128;  // rows of logits held at once

struct TokenScore {
  double loss = 0;
  int64_t better = 0;  // logits that rank before the true token's; equal ones by id
};

// -log softmax(logits)[target], with the rank of the target.
TokenScore ScoreRow(std::span<const float> logits, size_t target) {
  const float max = *std::max_element(logits.begin(), logits.end());
  const float own = logits[target];
  TokenScore score;
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    sum += std::exp(logits[i] - max);
    score.better += logits[i] > own || (logits[i] == own && i < target);
  }
  score.loss = std::log(sum) - (static_cast<double>(own) - max);
  return score;
}

void Count(const std::vector<TokenScore>& rows, SequenceScore* total) {
  for (const TokenScore& row : rows) {
    total->loss_sum += row.loss;
    total->loss.push_back(row.loss);
    total->tokens += 1;
    total->top1 += row.better == 0;
    total->top3 += row.better < 3;
    total->rank.push_back(row.better == 0 ? 1 : row.better < 3 ? 3 : 0);
  }
}

// Scores window[1..]. window has at least 2 tokens.
Status ScoreWindow(Session& session, core::ThreadPool& pool, size_t n_vocab,
                   std::span<const int32_t> window, SequenceScore* total) {
  std::vector<float> logits;
  std::vector<TokenScore> rows;
  for (size_t at = 0; at + 1 < window.size(); at += kChunk) {
    const size_t size = std::min(kChunk, window.size() - 1 - at);
    SELVEDGE_RETURN_IF_ERROR(session.Append(window.subspan(at, size), true, &logits));
    rows.assign(size, {});
    pool.ParallelFor(size, 4, [&](size_t begin, size_t end, int) {
      for (size_t t = begin; t < end; ++t) {
        rows[t] = ScoreRow({logits.data() + t * n_vocab, n_vocab},
                           static_cast<size_t>(window[at + t + 1]));
      }
    });
    Count(rows, total);
  }
  return OkStatus();
}

}  // namespace

Result<SequenceScore> ScoreSequence(std::shared_ptr<const Model> model,
                                    std::shared_ptr<const AdapterSet> adapters,
                                    core::ThreadPool& pool, std::span<const int32_t> tokens,
                                    int64_t n_ctx, core::DType kv_type) {
  SequenceScore total;
  const size_t n_vocab = model->config().n_vocab;
  if (!tokens.empty() && (tokens.back() < 0 || static_cast<size_t>(tokens.back()) >= n_vocab)) {
    return UsageError("score: the last token id is out of range");
  }
  for (size_t begin = 0; begin + 1 < tokens.size();) {
    SELVEDGE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                              Session::Create(model, adapters, pool, n_ctx, kv_type));
    const size_t window = static_cast<size_t>(session->n_ctx());
    if (window < 2) return UsageError("score: n_ctx is 1, at least 2 needed");
    const size_t size = std::min(window, tokens.size() - begin);
    SELVEDGE_RETURN_IF_ERROR(
        ScoreWindow(*session, pool, n_vocab, tokens.subspan(begin, size), &total));
    begin += size - 1;
  }
  return total;
}

}  // namespace selvedge::inference
