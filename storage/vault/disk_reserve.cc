#include "storage/vault/disk_reserve.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <limits>

namespace selvedge::vault {
namespace {

// What a process without privileges may still write; endless if the system does not say.
uint64_t FreeBytes(const std::string& home) {
  struct statvfs info {};
  if (statvfs(home.c_str(), &info) != 0) return std::numeric_limits<uint64_t>::max();
  return uint64_t{info.f_bavail} * info.f_frsize;
}

void SetAside(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (posix_fallocate(fd, 0, static_cast<off_t>(kReserveBytes)) != 0) unlink(path.c_str());
  close(fd);
}

}  // namespace

void TendReserve(const std::string& home) {
  const std::string path = home + "/" + kReserveFile;
  const uint64_t free_bytes = FreeBytes(home);
  if (free_bytes < kReserveBytes) {
    unlink(path.c_str());
  } else if (free_bytes >= 16 * kReserveBytes && access(path.c_str(), F_OK) != 0) {
    SetAside(path);
  }
}

Status RequireRoom(const std::string& home, const std::string& what) {
  const uint64_t free_bytes = FreeBytes(home);
  if (free_bytes > kReserveBytes) return OkStatus();
  return Status(StatusCode::kNoSpace, what + ": disk: " + std::to_string(free_bytes >> 10) +
                                          " KiB free, more than " +
                                          std::to_string(kReserveBytes >> 10) + " needed");
}

}  // namespace selvedge::vault
