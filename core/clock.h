#pragma once
// Wall-clock time for people and for records, and a clock that never goes back for measuring.

#include <cstdint>
#include <string>

namespace selvedge::core {

// Seconds since 1970-01-01 UTC; may jump when the owner sets the clock.
int64_t NowUnixSeconds();

// "2026-01-31T23:59:59Z".
std::string NowIso8601Utc();
std::string Iso8601Utc(int64_t unix_seconds);

// Seconds since boot; counts sleep where the system can tell (CLOCK_BOOTTIME). Only differences of
// one boot mean anything.
double MonotonicSeconds();

}  // namespace selvedge::core
