#include "core/memory.h"

#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

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

// Whether the loader wrote into segments that are mapped without write permission.
bool HasTextRelocations(const dl_phdr_info& library) {
  for (int i = 0; i < library.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = library.dlpi_phdr[i];
    if (header.p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(library.dlpi_addr + header.p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL) return true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
    }
  }
  return false;
}

int DropPagesOf(dl_phdr_info* library, size_t /*size*/, void* /*data*/) {
  // The program itself has no name here; the kernel's page of functions ignores the advice.
  if (library->dlpi_name == nullptr || library->dlpi_name[0] == '\0') return 0;
  if (HasTextRelocations(*library)) return 0;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = library->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = library->dlpi_addr + header.p_vaddr;
    const uintptr_t first = (begin + page - 1) / page * page;
    const uintptr_t last = (begin + header.p_filesz) / page * page;
    if (first < last) {
      (void)::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
    }
  }
  return 0;
}

}  // namespace

uint64_t PeakRssBytes() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB
}

void DropLibraryPages() { ::dl_iterate_phdr(DropPagesOf, nullptr); }

uint64_t AvailableBytes() { return std::min(MemAvailable(), CgroupLeft()); }

}  // namespace selvedge::core
