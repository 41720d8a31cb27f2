#include "apps/cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

namespace selvedge::cli {
namespace {

Status OpenError(const std::string& path, int error) {
  const std::string message = "file: " + path + ": " + strerror(error);
  return error == ENOENT || error == ENOTDIR ? NotFoundError(message) : IoError(message);
}

Result<std::string> ReadDescriptor(int fd, const std::string& name, size_t max_bytes) {
  std::string data;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("file: " + name + ": " + strerror(errno));
    if (n == 0) return data;
    if (data.size() + static_cast<size_t>(n) > max_bytes) {
      return LimitError("file: " + name + ": more than " + std::to_string(max_bytes) +
                        " bytes, at most that are read");
    }
    data.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

Result<std::string> ReadInput(const std::string& path, size_t max_bytes) {
  if (path == "-") return ReadDescriptor(STDIN_FILENO, "stdin", max_bytes);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return OpenError(path, errno);
  struct stat info {};
  if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    close(fd);
    return FormatError("file: " + path + ": is a folder, a file is needed");
  }
  Result<std::string> data = ReadDescriptor(fd, path, max_bytes);
  close(fd);
  return data;
}

// Well-formed sequences of Unicode 15, table 3-7.
size_t FirstInvalidUtf8(const std::string& text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t i = 0;
  while (i < text.size()) {
    const unsigned char lead = byte(i);
    size_t length = 0;
    unsigned char low = 0x80, high = 0xBF;
    if (lead < 0x80) {
      ++i;
      continue;
    } else if (lead >= 0xC2 && lead <= 0xDF) {
      length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      length = 3;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      length = 4;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return i;
    }
    if (i + length > text.size() || byte(i + 1) < low || byte(i + 1) > high) return i;
    for (size_t k = 2; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return i;
    }
    i += length;
  }
  return std::string::npos;
}

Result<std::vector<std::string>> SplitDocuments(const std::string& data, DocumentFormat format) {
  std::vector<std::string> documents;
  if (format == DocumentFormat::kWhole) {
    if (!data.empty()) documents.push_back(data);
    return documents;
  }
  int64_t line_number = 0;
  for (size_t begin = 0; begin < data.size();) {
    const size_t end = std::min(data.find('\n', begin), data.size());
    std::string line = data.substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    if (format == DocumentFormat::kJsonl) {
      const auto object = nlohmann::json::parse(line, nullptr, false);
      if (!object.is_object() || !object.contains("text") || !object["text"].is_string()) {
        return FormatError("documents: line " + std::to_string(line_number) +
                           ": no JSON object with a string \"text\"");
      }
      line = object["text"].get<std::string>();
    }
    documents.push_back(std::move(line));
  }
  return documents;
}

}  // namespace selvedge::cli
