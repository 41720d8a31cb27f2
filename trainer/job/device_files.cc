#include "trainer/job/device_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>

namespace selvedge::trainer {
namespace {

constexpr size_t kMaxText = 4096;
constexpr size_t kMaxNames = 1024;

bool IsText(char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; }

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kWhite = " \t\n";
  const size_t begin = text.find_first_not_of(kWhite);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kWhite) - begin + 1));
}

}  // namespace

std::optional<std::string> ReadDeviceText(const std::string& path) {
  // O_NONBLOCK: a driver that has no value yet, or a FIFO in its place, must not hold us up.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  std::array<char, kMaxText> buffer;
  size_t size = 0;
  ssize_t got = 0;
  while (size < buffer.size() && (got = ::read(fd, &buffer[size], buffer.size() - size)) > 0) {
    size += static_cast<size_t>(got);
  }
  ::close(fd);
  if (got < 0 || !std::all_of(buffer.begin(), buffer.begin() + size, IsText)) return std::nullopt;
  std::string text = Trimmed({buffer.data(), size});
  if (text.empty()) return std::nullopt;
  return text;
}

std::optional<int64_t> ReadDeviceInteger(const std::string& path, int64_t min, int64_t max) {
  const std::optional<std::string> text = ReadDeviceText(path);
  if (!text) return std::nullopt;
  int64_t value = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value < min || value > max)
    return std::nullopt;
  return value;
}

std::vector<std::string> ListDeviceFolder(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator it(path, error);
  while (!error && it != std::filesystem::directory_iterator() && names.size() < kMaxNames) {
    names.push_back(it->path().filename().string());
    it.increment(error);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<double> ParseNumber(std::string_view text, double min, double max) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || !std::isfinite(value) || value < min || value > max) {
    return std::nullopt;
  }
  return value;
}

}  // namespace selvedge::trainer
