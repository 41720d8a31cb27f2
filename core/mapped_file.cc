#include "core/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "core/open_regular.h"

namespace selvedge::core {

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(RegularFile file, OpenRegularFile(path));
  std::span<const uint8_t> bytes;
  if (file.size_bytes > 0) {  // mmap refuses a length of 0
    void* address = ::mmap(nullptr, file.size_bytes, PROT_READ, MAP_PRIVATE, file.fd.get(), 0);
    if (address == MAP_FAILED) return FileError(path, "map", errno);
    bytes = {static_cast<const uint8_t*>(address), file.size_bytes};
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(bytes, path, /*mapped=*/true));
}

std::shared_ptr<const MappedFile> MappedFile::Wrap(std::span<const uint8_t> bytes,
                                                   std::string name) {
  return std::shared_ptr<const MappedFile>(
      new MappedFile(bytes, std::move(name), /*mapped=*/false));
}

MappedFile::MappedFile(std::span<const uint8_t> bytes, std::string name, bool mapped)
    : bytes_(bytes), name_(std::move(name)), mapped_(mapped) {}

MappedFile::~MappedFile() {
  if (mapped_ && !bytes_.empty()) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace selvedge::core
