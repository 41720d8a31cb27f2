#pragma once
// Wall-clock time for people and for records.

#include <cstdint>
#include <string>

namespace selvedge::core {

// Seconds since 1970-01-01 UTC; may jump when the owner sets the clock.
int64_t NowUnixSeconds();

// "2026-01-31T23:59:59Z".
std::string NowIso8601Utc();
std::string Iso8601Utc(int64_t unix_seconds);

}  // namespace selvedge::core
