#pragma once
// A folder that stands in for / in tests of device conditions.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace selvedge::trainer {

class FakeDevice {
 public:
  FakeDevice() {
    std::string name = (std::filesystem::temp_directory_path() / "selvedge-device-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~FakeDevice() { std::filesystem::remove_all(root_); }
  FakeDevice(const FakeDevice&) = delete;
  FakeDevice& operator=(const FakeDevice&) = delete;

  const std::string& root() const { return root_; }

  FakeDevice& Write(const std::string& path, const std::string& content) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return *this;
  }
  FakeDevice& Supply(const std::string& name, const std::string& type, const std::string& file,
                     const std::string& value) {
    Write("/sys/class/power_supply/" + name + "/type", type + "\n");
    return Write("/sys/class/power_supply/" + name + "/" + file, value + "\n");
  }
  FakeDevice& Zone(const std::string& number, const std::string& temp) {
    Write("/sys/class/thermal/thermal_zone" + number + "/type", "zone" + number + "\n");
    return Write("/sys/class/thermal/thermal_zone" + number + "/temp", temp + "\n");
  }
  FakeDevice& Trip(const std::string& number, int trip, const std::string& type,
                   const std::string& temp) {
    const std::string base =
        "/sys/class/thermal/thermal_zone" + number + "/trip_point_" + std::to_string(trip);
    Write(base + "_type", type + "\n");
    return Write(base + "_temp", temp + "\n");
  }

 private:
  std::string root_;
};

}  // namespace selvedge::trainer
