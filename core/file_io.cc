#include "core/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace selvedge::core {
namespace {

// Reads into any contiguous byte container. A file may grow between fstat and read: one byte more
// than allowed is asked for, so that the cap holds whatever fstat said.
template <typename Bytes>
Result<Bytes> ReadInto(const std::string& path, size_t max_bytes) {
  SELVEDGE_ASSIGN_OR_RETURN(RegularFile file, OpenRegularFile(path));
  const auto too_large = [&](size_t got) {
    return LimitError("file: '" + BaseName(path) + "': " + std::to_string(got) +
                      " bytes, at most " + std::to_string(max_bytes) + " allowed");
  };
  if (file.size_bytes > max_bytes) return too_large(file.size_bytes);
  Bytes out;
  out.resize(file.size_bytes + 1);
  size_t used = 0;
  while (true) {
    if (used == out.size()) out.resize(out.size() + 65536);
    const ssize_t got = ::read(file.fd.get(), out.data() + used, out.size() - used);
    if (got < 0) {
      if (errno == EINTR) continue;
      return FileError(path, "read", errno);
    }
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used > max_bytes) return too_large(used);
  }
  out.resize(used);
  return out;
}

}  // namespace

Result<std::vector<uint8_t>> ReadFile(const std::string& path, size_t max_bytes) {
  return ReadInto<std::vector<uint8_t>>(path, max_bytes);
}

Result<std::string> ReadTextFile(const std::string& path, size_t max_bytes) {
  return ReadInto<std::string>(path, max_bytes);
}

AtomicFile::AtomicFile(std::string path, std::string temporary, UniqueFd fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::move(other.fd_)) {}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<AtomicFile> AtomicFile::Create(const std::string& path) {
  // The thread id (the process id in the main thread) keeps two writers of one process apart.
  const std::string temporary = path + ".tmp-" + std::to_string(::gettid());
  ::unlink(temporary.c_str());  // left by a crash of an earlier process with this id
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                     S_IRUSR | S_IWUSR));
  if (fd.get() < 0) return FileError(path, "create", errno);
  return AtomicFile(path, temporary, std::move(fd));
}

Status AtomicFile::Write(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return FileError(path_, "write", errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return OkStatus();
}

Status AtomicFile::Commit() {
  if (::fsync(fd_.get()) != 0) return FileError(path_, "sync", errno);
  if (::close(fd_.Release()) != 0) return FileError(path_, "close", errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return FileError(path_, "replace", errno);
  temporary_.clear();
  const size_t slash = path_.find_last_of('/');
  return SyncFolder(slash == std::string::npos ? "." : path_.substr(0, slash + 1));
}

Status WriteFileAtomic(const std::string& path, std::span<const uint8_t> bytes) {
  SELVEDGE_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  SELVEDGE_RETURN_IF_ERROR(file.Write(bytes));
  return file.Commit();
}

Status WriteFileAtomic(const std::string& path, const std::string& text) {
  return WriteFileAtomic(path, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

Status SyncFolder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return FileError(folder, "open", errno);
  // EINVAL: file systems that cannot sync a folder; there is nothing more that could be done.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return FileError(folder, "sync", errno);
  return OkStatus();
}

Status MakePrivateFolder(const std::string& path) {
  if (path.empty()) return NotFoundError("folder: the name is empty");
  size_t end = 0;
  do {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
      // A parent that may not be written but exists (EROFS, EACCES on '/home') is fine.
      const int error_number = errno;
      struct stat info {};
      if (::stat(part.c_str(), &info) != 0) return FileError(part, "create", error_number);
    }
  } while (end != std::string::npos);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FileError(path, "stat", errno);
  if (!S_ISDIR(info.st_mode)) return IoError("folder: '" + BaseName(path) + "': not a folder");
  return OkStatus();
}

}  // namespace selvedge::core
