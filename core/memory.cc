#include "core/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace selvedge::core {
namespace {

uint64_t MemAvailable() {
  std::ifstream info("/proc/meminfo");
  for (std::string name, unit; info >> name;) {
    uint64_t kib = 0;
    if (!(info >> kib)) break;
    std::getline(info, unit);
    if (name == "MemAvailable:") return kib * 1024;
  }
  return 0;
}

// Left under the cgroup v2 limit, or UINT64_MAX ("max" does not parse as a number).
uint64_t CgroupLeft() {
  uint64_t limit = 0, current = 0;
  std::ifstream limit_file("/sys/fs/cgroup/memory.max");
  std::ifstream current_file("/sys/fs/cgroup/memory.current");
  if (!(limit_file >> limit) || !(current_file >> current)) return UINT64_MAX;
  return limit > current ? limit - current : 0;
}

}  // namespace

uint64_t PeakRssBytes() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB
}

uint64_t AvailableBytes() { return std::min(MemAvailable(), CgroupLeft()); }

}  // namespace selvedge::core
