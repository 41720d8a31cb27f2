#pragma once
// What a power mode means: how many threads, and how long to rest between tokens when the device
// is hot.

#include <chrono>
#include <functional>
#include <optional>

#include <selvedge/engine.h>

namespace selvedge {

// The threads of an engine that was opened without a number, on so many cores.
int ThreadsFor(PowerMode mode, int cores);

// Rests of one generation. A rest is in proportion to the work before it, so a device that gets
// slower as it gets hot rests longer. The temperature is looked at every two seconds at most.
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  // Whether the device is cool; empty if it does not say, which counts as cool.
  using Probe = std::function<std::optional<bool>()>;

  // The probe of the device: condition `cool` of training.
  explicit Pacer(PowerMode mode);
  Pacer(PowerMode mode, Probe probe) : mode_(mode), probe_(std::move(probe)) {}

  // How long to rest at `now`, after work that took `worked`.
  Seconds RestAfter(Seconds worked, Clock::time_point now);

 private:
  PowerMode mode_;
  Probe probe_;
  bool hot_ = false;
  std::optional<Clock::time_point> looked_;
};

}  // namespace selvedge
