#include "inference/grammar/constraint.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace selvedge::inference {
namespace {

Status TooManyWays() {
  return LimitError("grammar: there are too many ways to read the text so far");
}

}  // namespace

Result<const TokenMask*> GrammarConstraint::MaskOfState() {
  const auto found = masks_.find(state_);
  if (found != masks_.end()) return &found->second;
  const size_t mask_bytes = tokens_->vocab_size() / 8 + 1;
  if (automaton_.states() > GrammarAutomaton::kMostStates / 2 ||
      masks_.size() * mask_bytes > kMostMaskBytes) {
    state_ = automaton_.Forget(state_);
    masks_.clear();
  }
  TokenMask mask;
  tokens_->Allow(automaton_, state_, drop_space_, &mask);
  if (automaton_.overflowed()) return TooManyWays();
  return &(masks_[state_] = std::move(mask));
}

Status GrammarConstraint::Exclude(std::span<float> logits) {
  if (logits.size() != tokens_->vocab_size()) return InternalError("grammar: other vocabulary");
  if (state_ == GrammarAutomaton::kDead) return TooManyWays();
  SELVEDGE_ASSIGN_OR_RETURN(const TokenMask* mask, MaskOfState());
  constexpr float kExcluded = -std::numeric_limits<float>::infinity();
  std::vector<float> ends;
  for (const int32_t id : tokens_->ends()) ends.push_back(logits[static_cast<size_t>(id)]);
  bool any = false;
  for (size_t word = 0; word < mask->size(); ++word) {
    const uint64_t bits = (*mask)[word];
    any = any || bits != 0;
    const size_t first = word * 64, last = std::min(first + 64, logits.size());
    if (bits == 0) {
      std::fill(logits.begin() + static_cast<std::ptrdiff_t>(first),
                logits.begin() + static_cast<std::ptrdiff_t>(last), kExcluded);
      continue;
    }
    for (size_t id = first; id < last; ++id) {
      if ((bits >> (id - first) & 1) == 0) logits[id] = kExcluded;
    }
  }
  if (automaton_.CanEnd(state_)) {
    for (size_t i = 0; i < ends.size(); ++i) {
      logits[static_cast<size_t>(tokens_->ends()[i])] = ends[i];
    }
    any = any || !ends.empty();
  }
  if (any) return OkStatus();
  return IncompatibleError("grammar: no token of this vocabulary goes on with it");
}

Status GrammarConstraint::Accept(int32_t id) {
  std::string_view bytes = tokens_->BytesOf(id);
  if (drop_space_ && bytes.starts_with(' ')) bytes.remove_prefix(1);
  if (drop_space_) masks_.clear();  // they let a space come that does not count
  drop_space_ = drop_space_ && bytes.empty();
  for (const char byte : bytes) {
    if (state_ != GrammarAutomaton::kDead)
      state_ = automaton_.Next(state_, static_cast<uint8_t>(byte));
  }
  if (state_ != GrammarAutomaton::kDead) return OkStatus();
  return automaton_.overflowed() ? TooManyWays()
                                 : InternalError("grammar: a token that was excluded was drawn");
}

}  // namespace selvedge::inference
