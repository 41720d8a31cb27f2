#include "sdk/weight_pages.h"

#include "core/huge_pages.h"
#include "core/memory.h"

namespace selvedge {
namespace {

// Smaller models fit into the last-level caches of many machines, where page tables matter less.
constexpr uint64_t kWorthMoving = uint64_t{256} << 20;

bool Worthwhile(uint64_t size) {
  // As much again stays free for the pages of the file and for others.
  return size >= kWorthMoving && core::HugePagesAvailable() && core::AvailableBytes() / 2 >= size;
}

}  // namespace

Result<uint64_t> PlaceWeights(const core::MappedFile& file, HugePages wanted,
                              core::ThreadPool& pool) {
  const uint64_t size = file.bytes().size();
  if (wanted == HugePages::kOff || !file.mapped() || size == 0) return uint64_t{0};
  if (wanted == HugePages::kAuto && !Worthwhile(size)) return uint64_t{0};
  if (!core::HugePagesAvailable()) {
    return IncompatibleError("huge pages: on: the system gives none, auto and off are possible");
  }
  SELVEDGE_RETURN_IF_ERROR(core::MoveToHugePages(file.bytes(), pool));
  SELVEDGE_RETURN_IF_ERROR(file.Intact());
  return size;
}

}  // namespace selvedge
