#include "apps/cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "apps/cli/output.h"

namespace selvedge::cli {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kPlainInterval = std::chrono::seconds(2);
constexpr size_t kBarCells = 24;

bool IsCapableTerminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

size_t TerminalWidth() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string Duration(double seconds) {
  const auto total = static_cast<int64_t>(seconds + 0.5);
  char buffer[32];
  if (total >= 3600) {
    std::snprintf(buffer, sizeof buffer, "%lld:%02lld:%02lld", static_cast<long long>(total / 3600),
                  static_cast<long long>(total / 60 % 60), static_cast<long long>(total % 60));
  } else {
    std::snprintf(buffer, sizeof buffer, "%lld:%02lld", static_cast<long long>(total / 60),
                  static_cast<long long>(total % 60));
  }
  return buffer;
}

}  // namespace

Progress::Progress(std::string label, bool quiet)
    : label_(std::move(label)),
      enabled_(!quiet),
      terminal_(IsCapableTerminal()),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { Finish(); }

void Progress::Update(int64_t done, int64_t total, const std::string& detail) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  const bool last = total > 0 && done >= total;
  const bool first = last_ == std::chrono::steady_clock::time_point{};
  const auto interval = terminal_ ? std::chrono::nanoseconds(kTerminalInterval)
                                  : std::chrono::nanoseconds(kPlainInterval);
  if (!first && !last && now - last_ < interval) return;
  last_ = now;
  std::string line = Line(done, total, detail);
  if (terminal_) {
    line = line.substr(0, TerminalWidth() - 1);
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
    open_line_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

void Progress::Finish() {
  if (open_line_) std::fputc('\n', stderr);
  open_line_ = false;
}

std::string Progress::Line(int64_t done, int64_t total, const std::string& detail) const {
  const double seconds = std::chrono::duration<double>(last_ - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line = label_ + " ";
  if (terminal_ && total > 0) {
    const size_t filled =
        std::min<size_t>(kBarCells, kBarCells * static_cast<size_t>(std::max<int64_t>(done, 0)) /
                                        static_cast<size_t>(total));
    line.append("[").append(filled, '#').append(kBarCells - filled, '.').append("] ");
  }
  line.append(std::to_string(done));
  if (total > 0) line.append("/").append(std::to_string(total));
  if (rate > 0) line.append(", ").append(ShortNumber(rate)).append("/s");
  if (rate > 0 && total > done) {
    line.append(", ETA ").append(Duration(static_cast<double>(total - done) / rate));
  }
  if (!detail.empty()) line.append(", ").append(detail);
  return line;
}

}  // namespace selvedge::cli
