#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/cpu_features.h"
#include "core/memory.h"

namespace selvedge::core {
namespace {

TEST(Clock, TimesAreIso8601InUtc) {
  EXPECT_EQ(Iso8601Utc(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(Iso8601Utc(951782400), "2000-02-29T00:00:00Z");  // SOURCE: date -u -d @951782400
  EXPECT_EQ(NowIso8601Utc().size(), 20u);
}

TEST(Memory, PeakGrowsWithWhatIsTouched) {
  const uint64_t before = PeakRssBytes();
  EXPECT_GT(before, uint64_t{1} << 20);
  std::vector<char> block(before + (64 << 20));
  std::fill(block.begin(), block.end(), 1);
  EXPECT_GE(PeakRssBytes(), before + (32 << 20));
  EXPECT_GT(AvailableBytes(), 0u);
}

// Pages of files that are mapped into this process now, in KiB.
uint64_t FilePagesKib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("RssFile:", 0) == 0) return std::stoull(line.substr(8));
  }
  return 0;
}

TEST(Memory, PagesOfLibrariesAreDroppedAndComeBack) {
  std::ostringstream before;
  before << std::setprecision(9) << 0.1 << std::regex_match("abc", std::regex("a.c"));
  const uint64_t pages = FilePagesKib();
  DropLibraryPages();
  EXPECT_LT(FilePagesKib(), pages - 500);
  std::ostringstream after;
  after << std::setprecision(9) << 0.1 << std::regex_match("abc", std::regex("a.c"));
  EXPECT_EQ(after.str(), before.str());
}

TEST(CpuFeatures, TheActiveIsaIsAvailableAndNamed) {
  EXPECT_TRUE(IsaAvailable(ActiveIsa()));
  EXPECT_TRUE(IsaAvailable(Isa::kScalar));
  EXPECT_FALSE(IsaAvailable(Isa::kAvx2) && IsaAvailable(Isa::kNeon));
  EXPECT_STREQ(IsaName(Isa::kAvx512Vnni), "avx512vnni");
  EXPECT_FALSE(CpuName().empty());
}

}  // namespace
}  // namespace selvedge::core
