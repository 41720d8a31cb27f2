#include "inference/session/prompt_lookup.h"

#include <algorithm>

namespace selvedge::inference {
namespace {

// Tokens that history[..end) and history[..size) have in common at their ends, up to `most`.
size_t Agreement(std::span<const int32_t> history, size_t end, size_t most) {
  size_t n = 0;
  while (n < std::min(end, most) && history[end - 1 - n] == history[history.size() - 1 - n]) ++n;
  return n;
}

}  // namespace

std::vector<int32_t> PromptLookup::Guess(std::span<const int32_t> history) {
  if (most_ == 0) return {};
  if (wait_ > 0) {
    --wait_;
    return {};
  }
  size_t best = kMinMatch - 1, from = 0;
  for (size_t end = history.size() - std::min<size_t>(history.size(), 1); end > best; --end) {
    if (const size_t n = Agreement(history, end, kMaxMatch); n > best) {
      best = n;
      from = end;
    }
    if (best == kMaxMatch) break;
  }
  if (best < kMinMatch) return {};
  std::vector<int32_t> guess;
  for (size_t i = from; guess.size() < length_; ++i) {  // a short cycle goes on round itself
    guess.push_back(i < history.size() ? history[i] : guess[i - history.size()]);
  }
  return guess;
}

void PromptLookup::Learn(size_t guessed, size_t accepted) {
  if (accepted == guessed) {
    length_ = std::min(most_, 2 * length_);
  } else {
    length_ = accepted + 1;
  }
  pause_ = accepted > 0 ? 0 : std::clamp<size_t>(2 * pause_, 2, kMaxPause);
  wait_ = pause_;
}

}  // namespace selvedge::inference
