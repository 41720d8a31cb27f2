#pragma once
// Points in time as the vault stores them: milliseconds since 1970-01-01T00:00:00Z.

#include <cstdint>
#include <string>
#include <string_view>

#include <selvedge/status.h>

namespace selvedge::vault {

int64_t NowMs();

// "2026-03-01T09:30:00Z"; milliseconds are shown only when they are not zero.
std::string FormatTime(int64_t ms);

// ISO 8601: a date, or a date and a time (separated by T or a space) with optional seconds,
// fraction and zone (Z or +hh:mm; none = UTC). kFormat otherwise; never echoes the text.
Result<int64_t> ParseTime(std::string_view text);

}  // namespace selvedge::vault
