#include "core/huge_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <string>

namespace selvedge::core {
namespace {

constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
constexpr uintptr_t kChunk = 8 * kHugePage;

// The bytes [begin, end) at the same addresses, from anonymous memory; whole pages.
bool Replace(uintptr_t begin, uintptr_t end) {
  const size_t size = end - begin;
  // Room to start at the same distance from a huge page's boundary: only then page tables of huge
  // pages can be moved as they are.
  const size_t room = size + kHugePage;
  void* memory = ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  const auto base = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t start = base + (begin - base) % kHugePage;
  void* copy = reinterpret_cast<void*>(start);
  ::madvise(copy, size, MADV_HUGEPAGE);  // a wish: small pages hold the same bytes
  std::memcpy(copy, reinterpret_cast<const void*>(begin), size);
  const bool moved = ::mprotect(copy, size, PROT_READ) == 0 &&
                     ::mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
                              reinterpret_cast<void*>(begin)) != MAP_FAILED;
  if (!moved) ::munmap(copy, size);
  if (start > base) ::munmap(memory, start - base);
  if (start + size < base + room) {
    ::munmap(reinterpret_cast<void*>(start + size), base + room - (start + size));
  }
  return moved;
}

}  // namespace

bool HugePagesAvailable() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string modes;
  return std::getline(file, modes) && modes.find("[never]") == std::string::npos;
}

Status MoveToHugePages(std::span<const uint8_t> mapping, ThreadPool& pool) {
  constexpr uintptr_t kPage = 4096;
  const auto begin = reinterpret_cast<uintptr_t>(mapping.data());
  const uintptr_t end = (begin + mapping.size() + kPage - 1) / kPage * kPage;
  const uintptr_t first = begin / kChunk, last = (end - 1) / kChunk;
  std::atomic<bool> failed{false};
  pool.ParallelFor(last - first + 1, 1, [&](size_t from, size_t to, int) {
    for (size_t i = from; i < to && !failed; ++i) {
      const uintptr_t chunk = (first + i) * kChunk;
      if (!Replace(std::max(begin, chunk), std::min(end, chunk + kChunk))) failed = true;
    }
  });
  if (!failed) return OkStatus();
  return LimitError("huge pages: no memory for a copy of " + std::to_string(mapping.size() >> 20) +
                    " MiB");
}

}  // namespace selvedge::core
