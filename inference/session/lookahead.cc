#include "inference/session/lookahead.h"

#include <algorithm>

namespace selvedge::inference {

Result<std::span<float>> Lookahead::After(std::span<const int32_t> history, size_t room) {
  if (CameTrue(history)) {
    ++came_true_;
    ++accepted_;
    return Row(came_true_);
  }
  if (!guess_.empty()) lookup_.Learn(guess_.size(), came_true_);
  SELVEDGE_RETURN_IF_ERROR(session_.Rewind(static_cast<int64_t>(history.size()) - 1));
  SELVEDGE_RETURN_IF_ERROR(Pass(history, room));
  return Row(0);
}

// Whether the history grew by the next token of the guess.
bool Lookahead::CameTrue(std::span<const int32_t> history) const {
  return came_true_ < guess_.size() && history.size() == seen_ + came_true_ + 1 &&
         history.back() == guess_[came_true_];
}

Status Lookahead::Pass(std::span<const int32_t> history, size_t room) {
  seen_ = history.size();
  came_true_ = 0;
  guess_ = lookup_.Guess(history);
  guess_.resize(std::min(guess_.size(), room));
  if (!guess_.empty()) {
    std::vector<int32_t> tokens = {history.back()};
    tokens.insert(tokens.end(), guess_.begin(), guess_.end());
    const Status status = append_(tokens, &logits_);
    if (status.ok()) guessed_ += static_cast<int64_t>(guess_.size());
    // A guess that leads to no finite logits must not end a text that may never come to it.
    if (status.code() != StatusCode::kNumeric) return status;
    guess_.clear();
  }
  return append_(history.last(1), &logits_);
}

std::span<float> Lookahead::Row(size_t row) {
  const size_t n_vocab = logits_.size() / (1 + guess_.size());
  return std::span(logits_).subspan(row * n_vocab, n_vocab);
}

}  // namespace selvedge::inference
