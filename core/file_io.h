#pragma once
// Whole small files, written so that a crash leaves the old content or the new, never a mixture.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "core/open_regular.h"

namespace selvedge::core {

// kNotFound, kIo, kLimit if the file is larger than max_bytes, kFormat if it is no regular file.
Result<std::vector<uint8_t>> ReadFile(const std::string& path, size_t max_bytes);
Result<std::string> ReadTextFile(const std::string& path, size_t max_bytes);

// A file that is written piece by piece to PATH.tmp-<thread> and takes its name with Commit;
// destroyed before that, it leaves nothing. Mode 0600. kNoSpace, kIo.
class AtomicFile {
 public:
  static Result<AtomicFile> Create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status Write(std::span<const uint8_t> bytes);
  Status Commit();  // once: fsyncs, renames over PATH, fsyncs the folder

 private:
  AtomicFile(std::string path, std::string temporary, UniqueFd fd);
  std::string path_;
  std::string temporary_;  // empty once it is gone
  UniqueFd fd_;
};

// All at once, as AtomicFile does.
Status WriteFileAtomic(const std::string& path, std::span<const uint8_t> bytes);
Status WriteFileAtomic(const std::string& path, const std::string& text);

// Makes renames and removals in a folder last. kIo.
Status SyncFolder(const std::string& folder);

// Creates a folder with mode 0700 (parents too); fine if it is there already.
Status MakePrivateFolder(const std::string& path);

}  // namespace selvedge::core
