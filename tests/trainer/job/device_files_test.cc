#include "trainer/job/device_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/trainer/job/fake_device.h"

namespace selvedge::trainer {
namespace {

TEST(DeviceFiles, GiveTrimmedTextAndWholeIntegersOnly) {
  FakeDevice device;
  device.Write("/text", " Not charging\n").Write("/number", "42000\n");
  EXPECT_EQ(ReadDeviceText(device.root() + "/text"), "Not charging");
  EXPECT_EQ(ReadDeviceInteger(device.root() + "/number", 0, 100000), 42000);
  EXPECT_EQ(ReadDeviceInteger(device.root() + "/text", 0, 100000), std::nullopt);
}

TEST(DeviceFiles, TreatEveryImplausibleContentAsAbsent) {
  for (const std::string& content :
       {std::string(""), std::string("\n"), std::string("12abc"), std::string("1e3"),
        std::string("0x10"), std::string("2147483648"), std::string("-274000"),
        std::string("99999999999999999999"), std::string("1\0", 2), std::string("\xFF\xFE"),
        std::string(100000, '9')}) {
    FakeDevice device;
    device.Write("/value", content);
    EXPECT_EQ(ReadDeviceInteger(device.root() + "/value", -60000, 200000), std::nullopt)
        << content.substr(0, 20);
  }
}

TEST(DeviceFiles, NeitherFailNorBlockOnFoldersPipesAndNothing) {
  FakeDevice device;
  ASSERT_EQ(::mkfifo((device.root() + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadDeviceText(device.root() + "/pipe"), std::nullopt);
  EXPECT_EQ(ReadDeviceText(device.root()), std::nullopt);
  EXPECT_EQ(ReadDeviceText(device.root() + "/none"), std::nullopt);
  EXPECT_TRUE(ListDeviceFolder(device.root() + "/none").empty());
  EXPECT_TRUE(ListDeviceFolder(device.root() + "/pipe").empty());
}

TEST(DeviceFiles, ParseOnlyFiniteNumbersInRange) {
  EXPECT_EQ(ParseNumber("0.25 0.30", 0, 10), 0.25);
  for (const char* text : {"", "nan", "inf", "-1", "11", "x1"}) {
    EXPECT_EQ(ParseNumber(text, 0, 10), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace selvedge::trainer
