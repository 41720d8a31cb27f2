#pragma once
// Keeps a generation within a grammar: before a token is drawn, those that lead out of it are
// excluded.

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

#include <selvedge/status.h>

#include "inference/grammar/automaton.h"
#include "inference/grammar/token_table.h"

namespace selvedge::inference {

// Not thread-safe.
class GrammarConstraint {
 public:
  // `drop_space`: a space at the start of the first token is no part of the text.
  GrammarConstraint(std::shared_ptr<const GrammarNetwork> network,
                    std::shared_ptr<const TokenTable> tokens, bool drop_space)
      : automaton_(std::move(network)),
        tokens_(std::move(tokens)),
        state_(automaton_.start()),
        drop_space_(drop_space) {}

  // Makes the logits [vocab_size] of tokens that may not come -infinity; tokens that end a
  // generation may come where the grammar's text may end. kIncompatible if no token may come;
  // kLimit if the grammar has too many ways at once.
  Status Exclude(std::span<float> logits);

  // Goes on over a token that was not excluded and does not end the generation.
  Status Accept(int32_t id);

  // The text is complete and nothing may follow.
  bool finished() const { return automaton_.MustEnd(state_); }

 private:
  Result<const TokenMask*> MaskOfState();

  // Masks above so many bytes in all are forgotten.
  static constexpr size_t kMostMaskBytes = size_t{16} << 20;

  GrammarAutomaton automaton_;
  std::shared_ptr<const TokenTable> tokens_;
  GrammarAutomaton::State state_;
  bool drop_space_;
  std::unordered_map<GrammarAutomaton::State, TokenMask> masks_;
};

}  // namespace selvedge::inference
