#pragma once
// The bytes of all tokens that text may be made of, sorted, so that those that begin alike are
// looked at together.

#include <cstdint>
#include <string_view>
#include <vector>

#include "inference/grammar/automaton.h"
#include "inference/tokenizer/tokenizer.h"

namespace selvedge::inference {

// One bit for each token of a vocabulary.
using TokenMask = std::vector<uint64_t>;

// Immutable; concurrent use is safe.
class TokenTable {
 public:
  explicit TokenTable(const Tokenizer& tokenizer);

  // Sets the bits of the tokens that may come in `state`: all of their bytes lead somewhere. With
  // `drop_space` the first byte of a token does not count if it is a space; a token of that alone
  // is not set.
  void Allow(GrammarAutomaton& automaton, GrammarAutomaton::State state, bool drop_space,
             TokenMask* mask) const;

  std::string_view BytesOf(int32_t id) const;
  size_t vocab_size() const { return vocab_size_; }
  const std::vector<int32_t>& ends() const { return ends_; }  // tokens that end a generation

 private:
  struct Entry {
    uint32_t first;   // in bytes_
    uint16_t length;  // at most 4096 (Vocabulary)
    uint16_t common;  // bytes in common with the entry before
    int32_t id;
  };

  // Walks entries[begin, end), whose first `skip` bytes are not looked at.
  void Walk(GrammarAutomaton& automaton, GrammarAutomaton::State state, size_t begin, size_t end,
            size_t skip, TokenMask* mask) const;

  size_t vocab_size_;
  std::string bytes_;
  std::vector<Entry> entries_;  // sorted by bytes
  std::vector<int32_t> by_id_;  // index into entries_, or -1
  std::vector<int32_t> ends_;
  size_t spaces_begin_ = 0, spaces_end_ = 0;  // entries that begin with a space
};

}  // namespace selvedge::inference
