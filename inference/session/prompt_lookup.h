#pragma once
// Guesses the next tokens of a text from its own past: where the last few tokens stood before, what
// followed them then. Source: Saxena 2023, "Prompt Lookup Decoding".

#include <cstdint>
#include <span>
#include <vector>

namespace selvedge::inference {

class PromptLookup {
 public:
  // At most `most` tokens are guessed; 0 = never any.
  explicit PromptLookup(size_t most) : most_(most), length_(most) {}

  // What followed the earlier stretch that agrees with the end of `history` in the most tokens (at
  // least kMinMatch), the latest of equals. Empty if there is none, or while guesses keep failing.
  std::vector<int32_t> Guess(std::span<const int32_t> history);

  // How many tokens of the last guess, which was not empty, came true.
  void Learn(size_t guessed, size_t accepted);

 private:
  static constexpr size_t kMinMatch = 3;
  static constexpr size_t kMaxMatch = 16;  // longer agreement says no more
  static constexpr size_t kMaxPause = 32;

  size_t most_;
  size_t length_;     // of the next guess
  size_t pause_ = 0;  // tokens without a guess after the next failure
  size_t wait_ = 0;   // tokens left of the current pause
};

}  // namespace selvedge::inference
