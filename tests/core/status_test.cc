#include <selvedge/status.h>

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace selvedge {
namespace {

TEST(Status, EveryCodeHasItsDocumentedExitCode) {
  const std::pair<StatusCode, int> expected[] = {
      {StatusCode::kOk, 0},          {StatusCode::kInternal, 1},     {StatusCode::kUsage, 2},
      {StatusCode::kNotFound, 3},    {StatusCode::kFormat, 4},       {StatusCode::kLimit, 4},
      {StatusCode::kNumeric, 4},     {StatusCode::kIncompatible, 4}, {StatusCode::kAuth, 5},
      {StatusCode::kKeyLost, 5},     {StatusCode::kPolicy, 6},       {StatusCode::kDeferred, 7},
      {StatusCode::kIo, 8},          {StatusCode::kNoSpace, 8},      {StatusCode::kBusy, 8},
      {StatusCode::kCancelled, 130},
  };
  for (const auto& [code, exit_code] : expected) {
    EXPECT_EQ(ExitCode(code), exit_code) << StatusCodeName(code);
  }
}

TEST(Status, NamesAreUniqueAndUpperCase) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(StatusCode::kInternal); ++code) {
    const std::string name = StatusCodeName(static_cast<StatusCode>(code));
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), std::string::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(names.size(), 16u);
}

Result<std::unique_ptr<int>> Make(bool good) {
  if (!good) return FormatError("thing: no");
  return std::make_unique<int>(7);
}

Status Use(bool good, int* out) {
  SELVEDGE_ASSIGN_OR_RETURN(std::unique_ptr<int> value, Make(good));
  *out = *value;
  return OkStatus();
}

TEST(Status, MacrosPassValuesAndErrorsOn) {
  int out = 0;
  EXPECT_TRUE(Use(true, &out).ok());
  EXPECT_EQ(out, 7);
  const Status failed = Use(false, &out);
  EXPECT_EQ(failed.code(), StatusCode::kFormat);
  EXPECT_EQ(failed.message(), "thing: no");
}

TEST(ResultDeathTest, ReadingTheValueOfAFailureAborts) {
  Result<std::unique_ptr<int>> failed = Make(false);
  EXPECT_DEATH((void)failed.value(), "");
}

}  // namespace
}  // namespace selvedge
