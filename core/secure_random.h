#pragma once
// Randomness for keys and for privacy noise. Tests use core/seeded_random.h, a different type.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <selvedge/status.h>

namespace selvedge::core {

// A ChaCha20 stream keyed from the operating system's generator. Not copyable, never serialised,
// wiped at the end. Each buffer's first bytes become the next key (fast key erasure), so a leaked
// state does not reveal what was drawn before. Not thread-safe: one object per user.
//
// In a forked child the object would repeat the parent's numbers, so using it there aborts; make a
// new one. Using a moved-from object aborts too.
class SecureRandom {
 public:
  // kInternal if the operating system gives no entropy: callers must fail closed.
  static Result<SecureRandom> Create();
  SecureRandom(SecureRandom&&) noexcept;
  SecureRandom& operator=(SecureRandom&&) noexcept;
  SecureRandom(const SecureRandom&) = delete;
  ~SecureRandom();

  Status Rekey();  // fresh key from the operating system; valid in a forked child as well
  void Fill(std::span<uint8_t> out);
  uint64_t NextU64();

 private:
  struct State;
  struct Unmap {
    void operator()(State* state) const;
  };
  explicit SecureRandom(std::unique_ptr<State, Unmap> state);
  std::unique_ptr<State, Unmap> state_;
};

}  // namespace selvedge::core
