#pragma once
// Draws words from the secure generator in blocks, because each call to it checks for a fork.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/secure_random.h"

namespace selvedge::privacy {

// Lives for one release, on the stack; what it still holds at the end is wiped.
class WordBuffer {
 public:
  explicit WordBuffer(core::SecureRandom& random) : random_(random) {}
  WordBuffer(const WordBuffer&) = delete;
  WordBuffer& operator=(const WordBuffer&) = delete;
  ~WordBuffer() {
    volatile uint64_t* word = words_.data();  // volatile: the writes must not be optimised away
    for (size_t i = 0; i < words_.size(); ++i) word[i] = 0;
  }

  uint64_t NextU64() {
    if (next_ == words_.size()) {
      random_.Fill({reinterpret_cast<uint8_t*>(words_.data()), sizeof words_});
      next_ = 0;
    }
    return words_[next_++];
  }

 private:
  core::SecureRandom& random_;
  std::array<uint64_t, 256> words_{};
  size_t next_ = words_.size();
};

}  // namespace selvedge::privacy
