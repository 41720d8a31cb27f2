#include <cmath>
#include <numbers>
#include <utility>

#include "inference/session/session.h"
#include "sdk/engine_impl.h"

namespace selvedge {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Counts whole words of a sequence from the ranks of its tokens. A word is what stands between
// white space, together with the white space before it, and it is predicted if all its tokens were.
class WordCounter {
 public:
  void Add(const std::string& piece, uint8_t rank) {
    bool has_text = false;
    for (const char c : piece) has_text = has_text || !IsSpace(c);
    const bool starts_word = !piece.empty() && IsSpace(piece.front());
    if (starts_word && has_text_) Close();
    first_ = first_ && rank == 1;
    third_ = third_ && rank != 0;
    has_text_ = has_text_ || has_text;
    if (!piece.empty() && IsSpace(piece.back()) && has_text_) Close();
  }

  void Close() {
    if (has_text_) {
      ++words;
      if (first_) ++top1;
      if (third_) ++top3;
    }
    first_ = third_ = true;
    has_text_ = false;
  }

  int64_t words = 0, top1 = 0, top3 = 0;

 private:
  bool has_text_ = false;  // of the open word: something else than white space
  bool first_ = true;      // all its tokens were ranked first
  bool third_ = true;      // all its tokens were among the first three
};

struct Totals {
  double loss_sum = 0;
  int64_t tokens = 0, top1 = 0, top3 = 0, bytes = 0;
  WordCounter words;
};

// The ids of a document with <s> in front, if the model has one.
Result<std::vector<int32_t>> DocumentIds(const inference::Tokenizer& tokenizer,
                                         const std::string& document) {
  SELVEDGE_ASSIGN_OR_RETURN(std::vector<int32_t> ids, tokenizer.Encode(document, false, false));
  if (tokenizer.bos() >= 0) ids.insert(ids.begin(), tokenizer.bos());
  return ids;
}

Status AddDocument(Engine::Impl& impl, const std::shared_ptr<const inference::AdapterSet>& set,
                   const std::string& document, int64_t n_ctx, core::DType kv_type,
                   Totals* totals) {
  SELVEDGE_ASSIGN_OR_RETURN(const auto ids, DocumentIds(*impl.tokenizer, document));
  if (ids.size() < 2) return OkStatus();
  SELVEDGE_ASSIGN_OR_RETURN(
      const auto score, inference::ScoreSequence(impl.model, set, impl.pool, ids, n_ctx, kv_type));
  totals->loss_sum += score.loss_sum;
  totals->tokens += score.tokens;
  totals->top1 += score.top1;
  totals->top3 += score.top3;
  totals->bytes += static_cast<int64_t>(document.size());
  for (size_t i = 0; i < score.rank.size(); ++i) {
    totals->words.Add(impl.tokenizer->PieceBytes(ids[i + 1]), score.rank[i]);
  }
  totals->words.Close();
  return OkStatus();
}

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Result<EvalResult> Engine::Eval(const EvalOptions& options) const {
  const int64_t trained = impl_->model->config().n_ctx;
  const int64_t n_ctx = options.n_ctx == 0 ? trained : options.n_ctx;
  if (n_ctx < 2 || n_ctx > trained) {
    return UsageError("eval: n_ctx " + std::to_string(options.n_ctx) +
                      ", 0 (the model's) or 2 to " + std::to_string(trained) + " are allowed");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const auto set, impl_->Adapters(options.adapter, options.lora));
  SELVEDGE_ASSIGN_OR_RETURN(const core::DType kv_type, inference::FindKvType(options.kv_type));
  Totals totals;
  for (const std::string& document : options.documents) {
    SELVEDGE_RETURN_IF_ERROR(AddDocument(*impl_, set, document, n_ctx, kv_type, &totals));
  }
  if (totals.tokens == 0) return UsageError("eval: no token to score, the text is empty");
  EvalResult result;
  result.tokens = totals.tokens;
  result.loss = totals.loss_sum / static_cast<double>(totals.tokens);
  result.ppl = std::exp(result.loss);
  if (totals.bytes > 0) {
    result.bits_per_byte = totals.loss_sum / std::numbers::ln2 / static_cast<double>(totals.bytes);
  }
  result.top1 = Share(totals.top1, totals.tokens);
  result.top3 = Share(totals.top3, totals.tokens);
  result.words = totals.words.words;
  result.word_top1 = Share(totals.words.top1, totals.words.words);
  result.word_top3 = Share(totals.words.top3, totals.words.words);
  return result;
}

}  // namespace selvedge
