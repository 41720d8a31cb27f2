#pragma once
// Files that the user names on the command line, read whole with a cap.

#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::cli {

// Content of a file, pipe or, for "-", of stdin. kNotFound, kIo, kFormat for a folder, kLimit
// beyond max_bytes (so that an endless device ends).
Result<std::string> ReadInput(const std::string& path, size_t max_bytes);

// Byte offset of the first byte that is not UTF-8, or npos.
size_t FirstInvalidUtf8(const std::string& text);

// The documents of a file for `eval`: the whole file, each of its lines, or the "text" of each
// line's JSON object. kFormat names the line.
enum class DocumentFormat { kWhole, kLines, kJsonl };
Result<std::vector<std::string>> SplitDocuments(const std::string& data, DocumentFormat format);

}  // namespace selvedge::cli
