#include "core/fault_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>

namespace selvedge::core {
namespace {

// A signal handler can reach nothing but static storage, and may only touch lock-free atomics.
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<uintptr_t> begin{0};  // 0: not watched (yet)
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> faulted{false};
};
static_assert(std::atomic<uintptr_t>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);

std::array<Slot, FaultGuard::kMaxMappings> slots;
struct sigaction previous;
uintptr_t page_bytes;

// Every page from the lost one to the mapping's end lies beyond the file's end too.
bool ReplaceLostPages(uintptr_t address) {
  for (Slot& slot : slots) {
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin) continue;
    const uintptr_t end = slot.end.load(std::memory_order_relaxed);
    if (address >= end) continue;
    const uintptr_t page = address - address % page_bytes;
    void* zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (zeros == MAP_FAILED) return false;
    slot.faulted.store(true, std::memory_order_release);
    return true;
  }
  return false;
}

void HandleBusError(int number, siginfo_t* info, void* context) {
  if (ReplaceLostPages(reinterpret_cast<uintptr_t>(info->si_addr))) return;
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(number);
  } else {
    ::signal(SIGBUS, SIG_DFL);  // the access is repeated and ends the program as it would have
  }
}

void InstallHandler() {
  page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = HandleBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous);
}

}  // namespace

Result<FaultGuard> FaultGuard::Watch(std::span<const uint8_t> mapping) {
  static std::once_flag installed;
  std::call_once(installed, InstallHandler);
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].taken.exchange(true)) continue;
    const auto begin = reinterpret_cast<uintptr_t>(mapping.data());
    const uintptr_t end = begin + mapping.size();
    slots[i].faulted.store(false);
    slots[i].end.store((end + page_bytes - 1) / page_bytes * page_bytes);
    slots[i].begin.store(begin, std::memory_order_release);
    return FaultGuard(static_cast<int>(i));
  }
  return LimitError("mapped files: " + std::to_string(kMaxMappings) + " are open, no more allowed");
}

FaultGuard::FaultGuard(FaultGuard&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}

FaultGuard& FaultGuard::operator=(FaultGuard&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

FaultGuard::~FaultGuard() {
  if (slot_ < 0) return;
  Slot& slot = slots[static_cast<size_t>(slot_)];
  slot.begin.store(0);
  slot.taken.store(false, std::memory_order_release);
}

bool FaultGuard::faulted() const {
  return slot_ >= 0 && slots[static_cast<size_t>(slot_)].faulted.load(std::memory_order_acquire);
}

}  // namespace selvedge::core
