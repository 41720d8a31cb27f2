#pragma once
// Randomness for keys and for privacy noise. Tests use core/test_random.h, a different type.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <selvedge/status.h>

namespace selvedge::core {

// A ChaCha20 stream keyed from the operating system's generator. Not copyable, never serialised,
// wiped at the end, refuses to work in a forked child. Not thread-safe: one object per user.
class SecureRandom {
 public:
  // kInternal if the operating system gives no entropy: callers must fail closed.
  static Result<SecureRandom> Create();
  SecureRandom(SecureRandom&&) noexcept;
  SecureRandom& operator=(SecureRandom&&) noexcept;
  SecureRandom(const SecureRandom&) = delete;
  ~SecureRandom();

  Status Rekey();  // fresh key from the operating system
  void Fill(std::span<uint8_t> out);
  uint64_t NextU64();

 private:
  SecureRandom() = default;
  void Refill();
  std::array<uint8_t, 32> key_{};
  uint64_t block_ = 0;
  std::array<uint8_t, 4096> buffer_{};
  size_t used_ = 4096;
  int64_t pid_ = 0;
};

}  // namespace selvedge::core
