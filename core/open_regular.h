#pragma once
// Opening files that outside input names: only regular files, and never a call that can block.

#include <cstddef>
#include <string>

#include <selvedge/status.h>

namespace selvedge::core {

// A file descriptor that closes itself.
class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  ~UniqueFd();
  int get() const { return fd_; }
  int Release();

 private:
  int fd_;
};

struct RegularFile {
  UniqueFd fd;
  size_t size_bytes = 0;
};

// Opens `path` for reading. kNotFound, kIo, or kFormat if it is a directory, FIFO, socket or
// device.
Result<RegularFile> OpenRegularFile(const std::string& path);

// The last component of a path: what error messages may show.
std::string BaseName(const std::string& path);

// The Status of a failed system call on a file: kNotFound, kNoSpace or kIo. `doing` is e.g.
// "write".
Status FileError(const std::string& path, const char* doing, int error_number);

}  // namespace selvedge::core
