#pragma once
// A regular file's bytes: mapped read-only, or a view of memory that somebody else owns (the
// embedded model).

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <selvedge/status.h>

#include "core/fault_guard.h"

namespace selvedge::core {

class MappedFile {
 public:
  // Maps a regular file. kNotFound, kIo (unreadable) or kFormat (directory, FIFO, device; never
  // blocks on them).
  static Result<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  // Wraps bytes that outlive the object, e.g. static data.
  static std::shared_ptr<const MappedFile> Wrap(std::span<const uint8_t> bytes, std::string name);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const uint8_t> bytes() const { return bytes_; }
  // kIo once another process cut the file short while it was mapped: what was read since is
  // worthless. Ask after the bytes were used and before the result is.
  Status Intact() const;
  // False for memory that somebody else owns.
  bool mapped() const { return mapped_; }
  const std::string& name() const { return name_; }  // path, or the given name

 private:
  MappedFile(std::span<const uint8_t> bytes, std::string name, bool mapped, FaultGuard guard);
  std::span<const uint8_t> bytes_;
  std::string name_;
  bool mapped_;
  FaultGuard guard_;
};

}  // namespace selvedge::core
