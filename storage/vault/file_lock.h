#pragma once
// An exclusive lock on a file, held by one open file description and let go when the process ends.

#include <string>

#include <selvedge/status.h>

namespace selvedge::vault {

class FileLock {
 public:
  // Does not wait: kBusy if somebody holds it.
  static Result<FileLock> TryAcquire(const std::string& path, const std::string& what);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace selvedge::vault
