#include "trainer/job/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/job/fake_device.h"

namespace selvedge::trainer {
namespace {

using ::testing::HasSubstr;

TEST(ReadConditions, AnswersInTheOrderAskedAndNamesEach) {
  FakeDevice device;
  const auto states = ReadConditions(
      {Condition::kCool, Condition::kCharging, Condition::kUnmetered, Condition::kIdle},
      device.root());
  ASSERT_EQ(states.size(), 4u);
  EXPECT_STREQ(ConditionName(states[0].condition), "cool");
  EXPECT_STREQ(ConditionName(states[1].condition), "charging");
  EXPECT_STREQ(ConditionName(states[2].condition), "unmetered");
  EXPECT_STREQ(ConditionName(states[3].condition), "idle");
}

TEST(ReadConditions, CallsEverythingUnknownOnADeviceThatSaysNothing) {
  FakeDevice device;
  for (const ConditionState& state : ReadConditions(
           {Condition::kCharging, Condition::kIdle, Condition::kCool, Condition::kUnmetered},
           device.root())) {
    EXPECT_EQ(state.holds, std::nullopt) << ConditionName(state.condition);
    EXPECT_FALSE(state.detail.empty());
  }
}

TEST(ReadConditions, ReadsThisMachineWithoutFailing) {
  EXPECT_EQ(ReadConditions({Condition::kCharging, Condition::kIdle, Condition::kCool}).size(), 3u);
}

TEST(Charging, HoldsWhenAnySystemSupplyIsOnline) {
  FakeDevice device;
  device.Supply("AC0", "Mains", "online", "0");
  EXPECT_EQ(ReadCharging(device.root()).holds, false);
  EXPECT_EQ(ReadCharging(device.root()).detail, "AC0 online=0");
  device.Supply("usb", "USB", "online", "1");
  EXPECT_EQ(ReadCharging(device.root()).holds, true);
}

TEST(Charging, HoldsWhileABatteryChargesOrIsFull) {
  for (const auto& [status, holds] : std::vector<std::pair<std::string, bool>>{
           {"Charging", true}, {"Full", true}, {"Discharging", false}, {"Not charging", false}}) {
    FakeDevice device;
    device.Supply("BAT0", "Battery", "status", status);
    EXPECT_EQ(ReadCharging(device.root()).holds, holds) << status;
  }
}

TEST(Charging, IgnoresTheBatteryOfAMouse) {
  FakeDevice device;
  device.Supply("hidpp_battery_0", "Battery", "status", "Charging")
      .Write("/sys/class/power_supply/hidpp_battery_0/scope", "Device\n");
  EXPECT_EQ(ReadCharging(device.root()).holds, std::nullopt);
  device.Supply("AC", "Mains", "online", "0");
  EXPECT_EQ(ReadCharging(device.root()).holds, false);
}

TEST(Charging, IsUnknownWhenDriversTalkNonsense) {
  for (const char* value : {"", "yes", "2147483648", "-1", "3", "1 1"}) {
    FakeDevice device;
    device.Supply("AC0", "Mains", "online", value).Supply("BAT0", "Battery", "status", "Unknown");
    EXPECT_EQ(ReadCharging(device.root()).holds, std::nullopt) << value;
    EXPECT_THAT(ReadCharging(device.root()).detail, HasSubstr("unreadable"));
  }
}

TEST(Idle, HoldsBelowTheLoadLimitPerCore) {
  FakeDevice device;
  device.Write("/sys/devices/system/cpu/online", "0-2,5\n")
      .Write("/proc/loadavg", "2.00 3.00 9.00 1/99 7\n");
  EXPECT_EQ(ReadIdle(device.root()).holds, true);  // 2.00 / 4 cores = 0.50
  EXPECT_THAT(ReadIdle(device.root()).detail, HasSubstr("load per core 0.50"));
  device.Write("/proc/loadavg", "2.10 0.00 0.00 1/99 7\n");
  EXPECT_EQ(ReadIdle(device.root()).holds, false);
}

TEST(Idle, NeedsLowCpuPressureWhereTheKernelReportsIt) {
  FakeDevice device;
  device.Write("/sys/devices/system/cpu/online", "0-3\n")
      .Write("/proc/loadavg", "0.10 0 0 1/99 7\n");
  device.Write("/proc/pressure/cpu", "some avg10=0.00 avg60=55.00 avg300=0.00 total=1\n");
  EXPECT_EQ(ReadIdle(device.root()).holds, false);
  device.Write("/proc/pressure/cpu", "some avg10=99.00 avg60=1.00 avg300=0.00 total=1\n");
  EXPECT_EQ(ReadIdle(device.root()).holds, true);
  device.Write("/proc/pressure/cpu", "garbage\n");
  EXPECT_EQ(ReadIdle(device.root()).holds, true);
}

TEST(Idle, IsUnknownWithoutAPlausibleLoad) {
  for (const char* load : {"", "busy", "-1", "nan", "1e300"}) {
    FakeDevice device;
    device.Write("/proc/loadavg", load);
    EXPECT_EQ(ReadIdle(device.root()).holds, std::nullopt) << load;
  }
}

TEST(Idle, SurvivesNonsenseAboutItsCores) {
  for (const char* list : {"", "-", "3-1", "0-99999999", "a,b", ",,,"}) {
    FakeDevice device;
    device.Write("/sys/devices/system/cpu/online", list).Write("/proc/loadavg", "0.00 0 0 1/9 7\n");
    EXPECT_EQ(ReadIdle(device.root()).holds, true) << list;
  }
}

TEST(Cool, KeepsAMarginBelowTheLowestPassiveHotOrCriticalTrip) {
  FakeDevice device;
  device.Zone("0", "84000").Trip("0", 0, "critical", "105000").Trip("0", 1, "passive", "95000");
  device.Trip("0", 2, "active", "50000");
  EXPECT_EQ(ReadCool(device.root()).holds, true);
  device.Zone("0", "85001");
  EXPECT_EQ(ReadCool(device.root()).holds, false);
  EXPECT_EQ(ReadCool(device.root()).detail, "zone0 85.0 C, limit 85.0 C");
}

TEST(Cool, ReportsTheZoneWithTheLeastRoom) {
  FakeDevice device;
  device.Zone("0", "40000").Zone("1", "66000").Zone("2", "30000");
  EXPECT_EQ(ReadCool(device.root()).holds, false);
  EXPECT_EQ(ReadCool(device.root()).detail, "zone1 66.0 C, limit 60.0 C");
}

TEST(Cool, IgnoresDisabledZonesAndTripsThatAreSwitchedOff) {
  FakeDevice device;
  device.Zone("0", "99000").Write("/sys/class/thermal/thermal_zone0/mode", "disabled\n");
  EXPECT_EQ(ReadCool(device.root()).holds, std::nullopt);
  device.Zone("1", "70000").Trip("1", 0, "passive", "-274000").Trip("1", 1, "critical", "100000");
  EXPECT_EQ(ReadCool(device.root()).holds, true);
}

TEST(Cool, IsUnknownForImplausibleTemperatures) {
  for (const char* temp : {"", "hot", "2147483648", "-274000", "9999999999999999999999"}) {
    FakeDevice device;
    device.Zone("0", temp);
    EXPECT_EQ(ReadCool(device.root()).holds, std::nullopt) << temp;
  }
}

}  // namespace
}  // namespace selvedge::trainer
