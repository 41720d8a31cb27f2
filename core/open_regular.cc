#include "core/open_regular.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace selvedge::core {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

int UniqueFd::Release() { return std::exchange(fd_, -1); }

std::string BaseName(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path.empty() ? "" : "/";
  const size_t slash = path.find_last_of('/', end);
  const size_t begin = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(begin, end + 1 - begin);
}

Status FileError(const std::string& path, const char* doing, int error_number) {
  // strerrordesc_np is thread-safe and knows no locale, unlike strerror.
  const char* reason = ::strerrordesc_np(error_number);
  std::string message = std::string("file: '") + BaseName(path) + "': cannot " + doing + ": " +
                        (reason != nullptr ? reason : "unknown error");
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return NotFoundError(std::move(message));
    case ENOSPC:
    case EDQUOT:
      return NoSpaceError(std::move(message));
    default:
      return IoError(std::move(message));
  }
}

Result<RegularFile> OpenRegularFile(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return NotFoundError("file: the name is empty or holds a NUL byte");
  }
  // O_NONBLOCK: opening a FIFO without a writer must fail the check below, not wait for a writer.
  int fd;
  do {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    // ENXIO: a socket. It exists, and is not a regular file.
    if (errno == ENXIO) return FormatError("file: '" + BaseName(path) + "': not a regular file");
    return FileError(path, "open", errno);
  }
  RegularFile file{UniqueFd(fd), 0};
  struct stat info {};
  if (::fstat(fd, &info) != 0) return FileError(path, "stat", errno);
  if (!S_ISREG(info.st_mode)) {
    return FormatError("file: '" + BaseName(path) +
                       "': " + (S_ISDIR(info.st_mode) ? "is a folder" : "not a regular file"));
  }
  file.size_bytes = static_cast<size_t>(info.st_size);
  return file;
}

}  // namespace selvedge::core
