#pragma once
// Whole small files, written so that a crash leaves the old content or the new, never a mixture.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::core {

// kNotFound, kIo, kLimit if the file is larger than max_bytes, kFormat if it is no regular file.
Result<std::vector<uint8_t>> ReadFile(const std::string& path, size_t max_bytes);
Result<std::string> ReadTextFile(const std::string& path, size_t max_bytes);

// Writes PATH.tmp-<pid>, fsyncs, renames over PATH, fsyncs the folder. Mode 0600. kNoSpace, kIo.
Status WriteFileAtomic(const std::string& path, std::span<const uint8_t> bytes);
Status WriteFileAtomic(const std::string& path, const std::string& text);

// Makes renames and removals in a folder last. kIo.
Status SyncFolder(const std::string& folder);

// Creates a folder with mode 0700 (parents too); fine if it is there already.
Status MakePrivateFolder(const std::string& path);

}  // namespace selvedge::core
