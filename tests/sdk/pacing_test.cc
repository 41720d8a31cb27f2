#include "sdk/pacing.h"

#include <gtest/gtest.h>

namespace selvedge {
namespace {

using Seconds = Pacer::Seconds;

constexpr Seconds kWorked(0.1);
const Pacer::Clock::time_point kStart{};

Pacer With(PowerMode mode, std::optional<bool> cool) {
  return Pacer(mode, [cool] { return cool; });
}

TEST(Pacer, RestsOnAHotDeviceAsItsModeSays) {
  EXPECT_EQ(With(PowerMode::kPerformance, false).RestAfter(kWorked, kStart), Seconds(0));
  EXPECT_EQ(With(PowerMode::kBalanced, false).RestAfter(kWorked, kStart), kWorked);
  EXPECT_EQ(With(PowerMode::kSaver, false).RestAfter(kWorked, kStart), 3 * kWorked);
}

TEST(Pacer, DoesNotRestOnACoolDeviceNorWhereNothingIsKnown) {
  for (const PowerMode mode : {PowerMode::kBalanced, PowerMode::kSaver}) {
    EXPECT_EQ(With(mode, true).RestAfter(kWorked, kStart), Seconds(0));
    EXPECT_EQ(With(mode, std::nullopt).RestAfter(kWorked, kStart), Seconds(0));
  }
}

TEST(Pacer, NoRestIsLongerThanASecond) {
  EXPECT_EQ(With(PowerMode::kSaver, false).RestAfter(Seconds(5), kStart), Seconds(1));
}

TEST(Pacer, LooksAtTheDeviceEveryTwoSeconds) {
  int looks = 0;
  bool cool = false;
  Pacer pacer(PowerMode::kBalanced, [&]() -> std::optional<bool> {
    ++looks;
    return cool;
  });
  const auto at = [](int ms) { return kStart + std::chrono::milliseconds(ms); };
  EXPECT_EQ(pacer.RestAfter(kWorked, at(0)), kWorked);
  cool = true;
  EXPECT_EQ(pacer.RestAfter(kWorked, at(1999)), kWorked);
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(pacer.RestAfter(kWorked, at(2000)), Seconds(0));
  EXPECT_EQ(looks, 2);
}

TEST(Pacer, PerformanceNeverLooks) {
  Pacer pacer(PowerMode::kPerformance, []() -> std::optional<bool> {
    ADD_FAILURE() << "looked";
    return false;
  });
  EXPECT_EQ(pacer.RestAfter(kWorked, kStart), Seconds(0));
}

TEST(PowerMode, SaverTakesEverySecondCoreAndAtLeastOne) {
  EXPECT_EQ(ThreadsFor(PowerMode::kSaver, 8), 4);
  EXPECT_EQ(ThreadsFor(PowerMode::kSaver, 1), 1);
  EXPECT_EQ(ThreadsFor(PowerMode::kBalanced, 8), 8);
  EXPECT_EQ(ThreadsFor(PowerMode::kPerformance, 8), 8);
}

}  // namespace
}  // namespace selvedge
