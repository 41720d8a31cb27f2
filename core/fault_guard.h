#pragma once
// Mapped files that another process cuts short.
//
// Reading a page that the file no longer has raises SIGBUS, which would end the program. While a
// mapping is watched, its lost pages are replaced by zeros and the loss is remembered; every other
// SIGBUS goes to the handler that was there before. The handler is process-wide, as signals are.

#include <cstddef>
#include <cstdint>
#include <span>

#include <selvedge/status.h>

namespace selvedge::core {

class FaultGuard {
 public:
  static constexpr size_t kMaxMappings = 1024;

  // Watches a mapping of whole pages; its last page may be used in part. kLimit if kMaxMappings are
  // watched already.
  static Result<FaultGuard> Watch(std::span<const uint8_t> mapping);

  FaultGuard() = default;  // watches nothing
  FaultGuard(FaultGuard&& other) noexcept;
  FaultGuard& operator=(FaultGuard&& other) noexcept;
  FaultGuard(const FaultGuard&) = delete;
  ~FaultGuard();

  // True once a page of the mapping was lost: everything read from it since is worthless.
  bool faulted() const;

 private:
  explicit FaultGuard(int slot) : slot_(slot) {}
  int slot_ = -1;
};

}  // namespace selvedge::core
