#pragma once
// The device conditions behind `selvedge train --when`: the limits, and one reader per condition.
// selvedge::ReadConditions (<selvedge/home.h>) calls the readers.
//
// Sources: Linux Documentation/ABI/testing/sysfs-class-power and sysfs-class-thermal,
// Documentation/accounting/psi.rst, proc(5).

#include <string>

#include <selvedge/home.h>

namespace selvedge::trainer {

// Idle: one-minute load per core, and the share of the last minute in which some task waited for a
// processor, are at most this.
inline constexpr double kIdleLoadPerCore = 0.5;
inline constexpr double kIdleCpuPressurePercent = 20;

// Cool: every zone is this far below its lowest passive, hot or critical trip point; a zone without
// one is held against a limit for skin and battery.
inline constexpr int kCoolMarginMilliC = 10'000;
inline constexpr int kCoolDefaultLimitMilliC = 60'000;

// `root` is put before /sys and /proc. All return an empty `holds` where nothing plausible can be
// read.

// A system supply (type Mains, USB or Wireless; not scope=Device, which is a mouse) is online, or a
// system battery is Charging or Full.
ConditionState ReadCharging(const std::string& root);

// From load and CPU pressure. Whether somebody sits at the device is not known here.
ConditionState ReadIdle(const std::string& root);

ConditionState ReadCool(const std::string& root);

// Linux itself does not know which networks cost money; always unknown until a network service is
// asked.
ConditionState ReadUnmetered(const std::string& root);

}  // namespace selvedge::trainer
