#include "core/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "core/open_regular.h"

namespace selvedge::core {

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(RegularFile file, OpenRegularFile(path));
  if (file.size_bytes == 0) return Wrap({}, path);  // mmap refuses a length of 0
  void* address = ::mmap(nullptr, file.size_bytes, PROT_READ, MAP_PRIVATE, file.fd.get(), 0);
  if (address == MAP_FAILED) return FileError(path, "map", errno);
  const std::span<const uint8_t> bytes(static_cast<const uint8_t*>(address), file.size_bytes);
  Result<FaultGuard> guard = FaultGuard::Watch(bytes);
  if (!guard.ok()) {
    ::munmap(address, file.size_bytes);
    return guard.status();
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile(bytes, path, /*mapped=*/true, std::move(guard).value()));
}

std::shared_ptr<const MappedFile> MappedFile::Wrap(std::span<const uint8_t> bytes,
                                                   std::string name) {
  return std::shared_ptr<const MappedFile>(
      new MappedFile(bytes, std::move(name), /*mapped=*/false, FaultGuard()));
}

MappedFile::MappedFile(std::span<const uint8_t> bytes, std::string name, bool mapped,
                       FaultGuard guard)
    : bytes_(bytes), name_(std::move(name)), mapped_(mapped), guard_(std::move(guard)) {}

Status MappedFile::Intact() const {
  if (!guard_.faulted()) return OkStatus();
  return IoError("file: '" + BaseName(name_) +
                 "': was cut short while it was in use, open it again once it is whole");
}

MappedFile::~MappedFile() {
  guard_ = FaultGuard();  // before the addresses are given back
  if (mapped_) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace selvedge::core
