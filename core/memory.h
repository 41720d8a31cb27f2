#pragma once
// How much memory this process used and how much the machine has left.

#include <cstdint>

namespace selvedge::core {

// Highest resident size of this process so far, in bytes.
uint64_t PeakRssBytes();

// Bytes that can be allocated without swapping, as the kernel estimates (MemAvailable), limited by
// the process's cgroup if there is one. 0 if the system does not say.
uint64_t AvailableBytes();

}  // namespace selvedge::core
