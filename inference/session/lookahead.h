#pragma once
// Logits after each next token of a growing text. Where the text repeats itself, the next tokens
// are guessed and checked together in one pass over the weights; the logits are those of one pass
// per token, to the bit, so what is drawn from them does not depend on guessing.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <selvedge/status.h>

#include "inference/session/prompt_lookup.h"
#include "inference/session/session.h"

namespace selvedge::inference {

class Lookahead {
 public:
  // Does on the session what AppendAsAlone does.
  using Append = std::function<Status(std::span<const int32_t>, std::vector<float>*)>;

  // Guesses at most `most_guessed` tokens at a time, less than Session::kMostAlone; 0 = none.
  Lookahead(Session& session, size_t most_guessed, Append append)
      : session_(session), append_(std::move(append)), lookup_(most_guessed) {}

  // Logits [n_vocab] after `history`, of which the session has seen all but the last token, or more
  // if it was handed out by the call before. They may be overwritten; valid until the next call.
  // At most `room` tokens beyond the history are guessed.
  Result<std::span<float>> After(std::span<const int32_t> history, size_t room);

  int64_t guessed() const { return guessed_; }
  int64_t accepted() const { return accepted_; }  // guessed tokens that came true

 private:
  bool CameTrue(std::span<const int32_t> history) const;
  Status Pass(std::span<const int32_t> history, size_t room);
  std::span<float> Row(size_t row);

  Session& session_;
  Append append_;
  PromptLookup lookup_;
  size_t seen_ = 0;             // length of the history that the last pass ended
  std::vector<int32_t> guess_;  // what it went on with
  size_t came_true_ = 0;        // tokens of the guess
  std::vector<float> logits_;   // [1 + guess_.size(), n_vocab]
  int64_t guessed_ = 0, accepted_ = 0;
};

}  // namespace selvedge::inference
