#include "inference/grammar/token_table.h"

#include <algorithm>
#include <string>
#include <utility>

namespace selvedge::inference {

TokenTable::TokenTable(const Tokenizer& tokenizer)
    : vocab_size_(static_cast<size_t>(tokenizer.vocab_size())), by_id_(vocab_size_, -1) {
  std::vector<std::pair<std::string, int32_t>> pieces;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.IsEndOfGeneration(id)) {
      ends_.push_back(id);
      continue;
    }
    std::string piece = tokenizer.PieceBytes(id);
    if (!piece.empty()) pieces.emplace_back(std::move(piece), id);
  }
  std::sort(pieces.begin(), pieces.end());
  const std::string* before = nullptr;
  for (const auto& [piece, id] : pieces) {
    size_t common = 0;
    while (before != nullptr && common < std::min(before->size(), piece.size()) &&
           (*before)[common] == piece[common]) {
      ++common;
    }
    by_id_[static_cast<size_t>(id)] = static_cast<int32_t>(entries_.size());
    entries_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint16_t>(piece.size()),
                        static_cast<uint16_t>(common), id});
    bytes_ += piece;
    before = &piece;
  }
  const auto begins_below = [this](const Entry& entry, char c) {
    return static_cast<uint8_t>(bytes_[entry.first]) < static_cast<uint8_t>(c);
  };
  const auto at = [&](char c) {
    return std::lower_bound(entries_.begin(), entries_.end(), c, begins_below) - entries_.begin();
  };
  spaces_begin_ = static_cast<size_t>(at(' '));
  spaces_end_ = static_cast<size_t>(at(' ' + 1));
}

std::string_view TokenTable::BytesOf(int32_t id) const {
  const int32_t at = by_id_[static_cast<size_t>(id)];
  if (at < 0) return {};
  const Entry& entry = entries_[static_cast<size_t>(at)];
  return std::string_view(bytes_).substr(entry.first, entry.length);
}

void TokenTable::Walk(GrammarAutomaton& automaton, GrammarAutomaton::State state, size_t begin,
                      size_t end, size_t skip, TokenMask* mask) const {
  std::vector<GrammarAutomaton::State> path = {state};  // after 0, 1, ... bytes beyond `skip`
  size_t dead_at = SIZE_MAX;  // entries that share so many bytes with the one before cannot come
  for (size_t i = begin; i < end; ++i) {
    const Entry& entry = entries_[i];
    const size_t common = i == begin ? skip : std::max<size_t>(entry.common, skip);
    if (common >= dead_at) continue;
    dead_at = SIZE_MAX;
    path.resize(common - skip + 1);
    for (size_t at = common; at < entry.length; ++at) {
      const auto byte = static_cast<uint8_t>(bytes_[entry.first + at]);
      const GrammarAutomaton::State next = automaton.Next(path.back(), byte);
      if (next == GrammarAutomaton::kDead) {
        dead_at = at + 1;
        break;
      }
      path.push_back(next);
    }
    if (dead_at != SIZE_MAX || entry.length == skip) continue;
    (*mask)[static_cast<size_t>(entry.id) / 64] |= uint64_t{1} << (entry.id % 64);
  }
}

void TokenTable::Allow(GrammarAutomaton& automaton, GrammarAutomaton::State state, bool drop_space,
                       TokenMask* mask) const {
  mask->assign((vocab_size_ + 63) / 64, 0);
  if (!drop_space) return Walk(automaton, state, 0, entries_.size(), 0, mask);
  Walk(automaton, state, 0, spaces_begin_, 0, mask);
  Walk(automaton, state, spaces_begin_, spaces_end_, 1, mask);
  Walk(automaton, state, spaces_end_, entries_.size(), 0, mask);
}

}  // namespace selvedge::inference
