#include "core/clock.h"

#include <ctime>

namespace selvedge::core {

int64_t NowUnixSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}

std::string Iso8601Utc(int64_t unix_seconds) {
  const std::time_t time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) return "invalid time";
  char text[40];
  const size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text, n);
}

std::string NowIso8601Utc() { return Iso8601Utc(NowUnixSeconds()); }

}  // namespace selvedge::core
