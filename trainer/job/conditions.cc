#include "trainer/job/conditions.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>

#include "trainer/job/device_files.h"

namespace selvedge::trainer {
namespace {

constexpr int64_t kMinMilliC = -60'000;
constexpr int64_t kMaxMilliC = 200'000;
constexpr int kMaxTrips = 16;
constexpr size_t kMaxDetail = 160;

// Device names are written by drivers: keep them short.
std::string Short(std::string text) {
  if (text.size() > 32) text.resize(32);
  return text;
}

void Append(std::string* detail, const std::string& part) {
  if (detail->size() + part.size() > kMaxDetail) return;
  if (!detail->empty()) detail->append("; ");
  detail->append(part);
}

bool StartsWith(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

// Whether one supply powers or charges the device; empty if it does not say.
std::optional<bool> ReadSupply(const std::string& folder, const std::string& name,
                               std::string* detail) {
  const std::string type = ReadDeviceText(folder + "/type").value_or("");
  if (ReadDeviceText(folder + "/scope").value_or("System") == "Device") return std::nullopt;
  if (type == "Mains" || type == "Wireless" || StartsWith(type, "USB")) {
    // 1: fixed voltage, 2: programmable (sysfs-class-power).
    const std::optional<int64_t> online = ReadDeviceInteger(folder + "/online", 0, 2);
    Append(detail, Short(name) + (online ? " online=" + std::to_string(*online) : " unreadable"));
    if (!online) return std::nullopt;
    return *online > 0;
  }
  if (type != "Battery") return std::nullopt;
  const std::string status = ReadDeviceText(folder + "/status").value_or("");
  const bool charging = status == "Charging" || status == "Full";
  if (!charging && status != "Discharging" && status != "Not charging") {
    Append(detail, Short(name) + " unreadable");
    return std::nullopt;
  }
  Append(detail, Short(name) + " " + status);
  return charging;
}

// Processors in a list such as "0-3,6"; 0 if it is none.
int CountCpus(const std::string& list) {
  int64_t count = 0;
  for (size_t i = 0; i < list.size();) {
    size_t end = std::min(list.find(',', i), list.size());
    const std::string item = list.substr(i, end - i);
    const size_t dash = item.find('-');
    const auto first = ParseNumber(item, 0, 65535);
    const auto last =
        dash == std::string::npos ? first : ParseNumber(item.substr(dash + 1), 0, 65535);
    if (!first || !last || *last < *first) return 0;
    count += static_cast<int64_t>(*last - *first) + 1;
    i = end + 1;
  }
  return static_cast<int>(std::min<int64_t>(count, 65536));
}

int Cores(const std::string& root) {
  const std::string online = ReadDeviceText(root + "/sys/devices/system/cpu/online").value_or("");
  const int cores = CountCpus(online);
  return cores > 0 ? cores : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// "some avg10=0.00 avg60=1.25 ...": avg60 in percent.
std::optional<double> CpuPressure(const std::string& root) {
  const std::string text = ReadDeviceText(root + "/proc/pressure/cpu").value_or("");
  const size_t at = text.find("avg60=");
  if (!StartsWith(text, "some") || at == std::string::npos) return std::nullopt;
  return ParseNumber(std::string_view(text).substr(at + 6), 0, 100);
}

// The temperature above which a zone is not cool, in thousandths of a degree Celsius.
int64_t CoolLimit(const std::string& zone) {
  std::optional<int64_t> lowest;
  for (int trip = 0; trip < kMaxTrips; ++trip) {
    const std::string base = zone + "/trip_point_" + std::to_string(trip);
    const std::string type = ReadDeviceText(base + "_type").value_or("");
    if (type != "passive" && type != "hot" && type != "critical") continue;  // active: fans
    // Drivers write 0 or -274000 for a trip that is switched off.
    const auto temp = ReadDeviceInteger(base + "_temp", 1, kMaxMilliC);
    if (temp && (!lowest || *temp < *lowest)) lowest = temp;
  }
  return lowest ? *lowest - kCoolMarginMilliC : kCoolDefaultLimitMilliC;
}

std::string Celsius(int64_t milli) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f C", static_cast<double>(milli) / 1000);
  return text;
}

std::string Decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

}  // namespace

ConditionState ReadCharging(const std::string& root) {
  ConditionState state{Condition::kCharging, std::nullopt, ""};
  const std::string folder = root + "/sys/class/power_supply";
  for (const std::string& name : ListDeviceFolder(folder)) {
    const std::optional<bool> powers = ReadSupply(folder + "/" + name, name, &state.detail);
    if (powers) state.holds = state.holds.value_or(false) || *powers;
  }
  if (state.detail.empty()) state.detail = "no power supply is reported";
  return state;
}

ConditionState ReadIdle(const std::string& root) {
  ConditionState state{Condition::kIdle, std::nullopt, ""};
  const std::string loadavg = ReadDeviceText(root + "/proc/loadavg").value_or("");
  const std::optional<double> load = ParseNumber(loadavg, 0, 1e6);
  if (!load) {
    state.detail = "the load is not reported";
    return state;
  }
  const double per_core = *load / Cores(root);
  const std::optional<double> pressure = CpuPressure(root);
  state.holds = per_core <= kIdleLoadPerCore && pressure.value_or(0) <= kIdleCpuPressurePercent;
  state.detail = "load per core " + Decimal(per_core) + ", limit " + Decimal(kIdleLoadPerCore);
  if (pressure) {
    Append(&state.detail, "cpu pressure " + Decimal(*pressure) + " %, limit " +
                              Decimal(kIdleCpuPressurePercent) + " %");
  }
  Append(&state.detail, "interactive use unknown");
  return state;
}

ConditionState ReadCool(const std::string& root) {
  ConditionState state{Condition::kCool, std::nullopt, "no temperature is reported"};
  const std::string folder = root + "/sys/class/thermal";
  int64_t least_room = 0;
  for (const std::string& name : ListDeviceFolder(folder)) {
    if (!StartsWith(name, "thermal_zone")) continue;
    const std::string zone = folder + "/" + name;
    if (ReadDeviceText(zone + "/mode").value_or("enabled") == "disabled") continue;
    const auto temp = ReadDeviceInteger(zone + "/temp", kMinMilliC, kMaxMilliC);
    if (!temp) continue;
    const int64_t limit = CoolLimit(zone);
    if (!state.holds || limit - *temp < least_room) {
      least_room = limit - *temp;
      state.detail = Short(ReadDeviceText(zone + "/type").value_or(name)) + " " + Celsius(*temp) +
                     ", limit " + Celsius(limit);
    }
    state.holds = least_room >= 0;
  }
  return state;
}

ConditionState ReadUnmetered(const std::string&) {
  return {Condition::kUnmetered, std::nullopt,
          "the system does not say which networks are metered"};
}

}  // namespace selvedge::trainer

namespace selvedge {

const char* ConditionName(Condition condition) {
  switch (condition) {
    case Condition::kCharging:
      return "charging";
    case Condition::kIdle:
      return "idle";
    case Condition::kCool:
      return "cool";
    case Condition::kUnmetered:
      return "unmetered";
  }
  return "unknown";
}

std::vector<ConditionState> ReadConditions(const std::vector<Condition>& wanted,
                                           const std::string& root) {
  std::vector<ConditionState> states;
  for (const Condition condition : wanted) {
    switch (condition) {
      case Condition::kCharging:
        states.push_back(trainer::ReadCharging(root));
        break;
      case Condition::kIdle:
        states.push_back(trainer::ReadIdle(root));
        break;
      case Condition::kCool:
        states.push_back(trainer::ReadCool(root));
        break;
      case Condition::kUnmetered:
        states.push_back(trainer::ReadUnmetered(root));
        break;
    }
  }
  return states;
}

}  // namespace selvedge
