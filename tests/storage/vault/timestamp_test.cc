#include "storage/vault/timestamp.h"

#include <gtest/gtest.h>

namespace selvedge::vault {
namespace {

// SOURCE: GNU date 9.1, e.g. `date -u -d 2026-03-01T09:30:00Z +%s`.
TEST(Timestamp, ReadsAndWritesIso8601) {
  const std::pair<const char*, int64_t> cases[] = {
      {"1970-01-01", 0},
      {"2026-03-01T09:30:00Z", 1772357400000},
      {"2026-03-01 09:30", 1772357400000},
      {"2026-03-01T11:30:00+02:00", 1772357400000},
      {"2026-03-01T04:00:00.250-0530", 1772357400250},
      {"2024-02-29T23:59:59Z", 1709251199000},
      {"1969-12-31T23:59:59Z", -1000},
  };
  for (const auto& [text, ms] : cases) {
    const Result<int64_t> parsed = ParseTime(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, ms) << text;
    EXPECT_EQ(*ParseTime(FormatTime(ms)), ms) << text;
  }
  EXPECT_EQ(FormatTime(1772357400000), "2026-03-01T09:30:00Z");
  EXPECT_EQ(FormatTime(1772357400250), "2026-03-01T09:30:00.250Z");
}

TEST(Timestamp, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "yesterday", "2026-13-01", "2026-02-30", "2026-03-01T25:00", "2026-03-01T09:30:00Zjunk",
        "2026-3-1", "2026-03-01T", "20260301", "2026-03-01T09:61:00Z", "2026-03-01T09:30:00."}) {
    EXPECT_EQ(ParseTime(text).status().code(), StatusCode::kFormat) << text;
  }
}

}  // namespace
}  // namespace selvedge::vault
