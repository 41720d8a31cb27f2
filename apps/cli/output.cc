#include "apps/cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

namespace selvedge::cli {
namespace {

// Writes all bytes to fd; the errno of the failure, or 0.
int WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

std::string ScalarText(const Json& value) {
  if (value.is_string()) return OneLine(value.get_ref<const std::string&>());
  if (value.is_number_float()) return NumberText(value.get<double>());
  if (value.is_null()) return "-";
  if (value.is_array()) {
    std::string joined;
    for (const Json& item : value) {
      if (!joined.empty()) joined += ", ";
      joined += ScalarText(item);
    }
    return joined.empty() ? "-" : joined;
  }
  return JsonText(value);
}

bool IsTable(const Json& value) {
  return value.is_array() && !value.empty() && value.front().is_object();
}

// Columns in terminal cells are taken as code points: good enough for identifiers and numbers.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Table(const Json& rows) {
  std::vector<std::vector<std::string>> cells(1);
  for (const auto& field : rows.front().items()) cells[0].push_back(field.key());
  for (const Json& row : rows) {
    cells.emplace_back();
    for (const std::string& key : cells[0]) {
      cells.back().push_back(row.contains(key) ? ScalarText(row.at(key)) : "-");
    }
  }
  std::vector<size_t> widths(cells[0].size(), 0);
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : cells) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    text += line + "\n";
  }
  return text;
}

std::string ObjectText(const Json& object) {
  size_t width = 0;
  for (const auto& field : object.items()) width = std::max(width, field.key().size());
  std::string text;
  for (const auto& field : object.items()) {
    if (IsTable(field.value())) {
      text += field.key() + "\n" + Table(field.value());
    } else if (field.value().is_object()) {
      text += field.key() + "\n";
      for (const auto& inner : field.value().items()) {
        text += "  " + inner.key() + "  " + ScalarText(inner.value()) + "\n";
      }
    } else {
      std::string line = field.key();
      line.append(width - field.key().size() + 2, ' ');
      text += line + ScalarText(field.value()) + "\n";
    }
  }
  return text;
}

}  // namespace

void Output::Write(std::string_view bytes) {
  if (write_errno_ == 0) write_errno_ = WriteAll(STDOUT_FILENO, bytes);
}

void Output::Report(const Json& object) {
  if (json) {
    JsonLine(object);
  } else {
    Write(ObjectText(object));
  }
}

void Output::JsonLine(const Json& object) { Write(JsonText(object) + "\n"); }

void Output::Note(std::string_view message) const {
  if (!quiet) WriteAll(STDERR_FILENO, std::string(message) + "\n");
}

void Output::Fail(const Status& status) {
  const std::string message = OneLine(status.message());
  WriteAll(STDERR_FILENO, "selvedge: " + message + "\n");
  if (json) {
    JsonLine({{"error", {{"code", StatusCodeName(status.code())}, {"message", message}}}});
  }
}

int Output::Finish(int code) const {
  if (write_errno_ == 0) return code;
  if (write_errno_ != EPIPE) {
    WriteAll(STDERR_FILENO,
             "selvedge: stdout: write failed: " + std::string(strerror(write_errno_)) + "\n");
  }
  return ExitCode(StatusCode::kIo);
}

int OutputWidth() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Status WriteOutputFile(const std::string& path, std::string_view bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  int failed = fd < 0 ? errno : WriteAll(fd, bytes);
  if (fd >= 0 && close(fd) != 0 && failed == 0) failed = errno;
  if (failed == 0) return OkStatus();
  const std::string message = std::string("output file: cannot be written: ") + strerror(failed);
  return failed == ENOSPC || failed == EDQUOT ? NoSpaceError(message) : IoError(message);
}

std::string JsonText(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string NumberText(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, 6);
  return std::string(buffer, end.ptr);
}

std::string ShortNumber(double value) {
  if (!std::isfinite(value)) return NumberText(value);
  const double size = std::abs(value);
  char buffer[512];  // the longest double has 309 digits before its point
  const auto end = size < 0.01 ? std::to_chars(buffer, buffer + sizeof buffer, value,
                                               std::chars_format::general, 2)
                               : std::to_chars(buffer, buffer + sizeof buffer, value,
                                               std::chars_format::fixed, size < 100 ? 2 : 0);
  return std::string(buffer, end.ptr);
}

std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    line += (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) ? ' ' : c;
  }
  return line;
}

}  // namespace selvedge::cli
