#include "sdk/pacing.h"

#include <algorithm>

#include <selvedge/home.h>

namespace selvedge {
namespace {

constexpr std::chrono::seconds kLookEvery(2);
constexpr Pacer::Seconds kLongestRest(1);

std::optional<bool> DeviceIsCool() { return ReadConditions({Condition::kCool}).front().holds; }

// Rest in units of the work before it, on a hot device.
double RestShare(PowerMode mode) {
  switch (mode) {
    case PowerMode::kPerformance:
      return 0;
    case PowerMode::kBalanced:
      return 1;
    case PowerMode::kSaver:
      return 3;
  }
  return 0;
}

}  // namespace

int ThreadsFor(PowerMode mode, int cores) {
  return mode == PowerMode::kSaver ? std::max(1, cores / 2) : std::max(1, cores);
}

Pacer::Pacer(PowerMode mode) : Pacer(mode, DeviceIsCool) {}

Pacer::Seconds Pacer::RestAfter(Seconds worked, Clock::time_point now) {
  const double share = RestShare(mode_);
  if (share == 0) return Seconds(0);
  if (!looked_ || now - *looked_ >= kLookEvery) {
    hot_ = !probe_().value_or(true);
    looked_ = now;
  }
  return hot_ ? std::min(kLongestRest, worked * share) : Seconds(0);
}

}  // namespace selvedge
