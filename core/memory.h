#pragma once
// How much memory this process used and how much the machine has left.

#include <cstdint>

namespace selvedge::core {

// Highest resident size of this process so far, in bytes.
uint64_t PeakRssBytes();

// Bytes that can be allocated without swapping, as the kernel estimates (MemAvailable), limited by
// the process's cgroup if there is one. 0 if the system does not say.
uint64_t AvailableBytes();

// Gives back the pages of shared libraries that hold what their files hold (code, constants, symbol
// tables): the next read brings one back from the page cache. Loading LibTorch touches 100 MB of
// them that nothing reads again.
void DropLibraryPages();

}  // namespace selvedge::core
