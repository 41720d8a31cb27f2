#include "core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace selvedge::core {
namespace {

// How long a thread looks for work, or for the end of others' work, before it sleeps. Longer than
// the serial stretches between two products of a decoded token, so that threads meet awake; short
// enough to be invisible on a busy machine, where the one waited for may have lost its processor
// and gets it back sooner if nobody spins.
constexpr std::chrono::microseconds kSpin(40);

// A range is this share of what a thread would get of the rest: large ranges first, for few
// hand-outs, small ones at the end, for threads to finish together.
constexpr size_t kShare = 3;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// True once `done` holds, false if it did not within kSpin.
template <typename Done>
bool SpinUntil(const Done& done) {
  using Clock = std::chrono::steady_clock;
  if (done()) return true;
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 8; ++i) {
      Pause();
      if (done()) return true;
    }
  } while (Clock::now() < end);
  return false;
}

int UsableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

// What this thread is doing now, so that a call from within a body runs inline.
thread_local const void* t_pool = nullptr;
thread_local int t_index = 0;

}  // namespace

// One job at a time. It is open while `epoch` is odd. A worker joins by counting itself into
// `active` and then seeing that the job it came for is still open; the caller ends the job by
// closing it and then seeing nobody active. Both sides write before they read, sequentially
// consistent, so at least one of them sees the other: no worker touches a job that has ended.
struct ThreadPool::Impl {
  std::mutex call_mutex;  // held during a ParallelFor
  bool spin = false;
  std::atomic<bool> stop{false};

  // The job: written while it is closed and nobody is active.
  const std::function<void(size_t, size_t, int)>* body = nullptr;
  size_t n = 0;
  size_t grain = 1;

  // Each on a cache line of its own: they are written by different threads.
  alignas(64) std::atomic<uint32_t> epoch{0};
  alignas(64) std::atomic<uint32_t> active{0};
  alignas(64) std::atomic<size_t> next{0};

  std::vector<std::thread> workers;

  void Run(int index);
  void Work(int index);
  void Leave();
  template <typename Value, typename Done>
  void Wait(const std::atomic<Value>& value, const Done& done) const;
};

// Until done(value): awake at first, then asleep.
template <typename Value, typename Done>
void ThreadPool::Impl::Wait(const std::atomic<Value>& value, const Done& done) const {
  if (spin && SpinUntil([&] { return done(value.load(std::memory_order_acquire)); })) return;
  for (Value seen = value.load(); !done(seen); seen = value.load()) value.wait(seen);
}

// Takes ranges until none is left.
void ThreadPool::Impl::Work(int index) {
  const size_t parts = (workers.size() + 1) * kShare;
  size_t begin = next.load(std::memory_order_relaxed);
  while (begin < n) {
    const size_t size = grain * std::max<size_t>(1, (n - begin) / grain / parts);
    if (!next.compare_exchange_weak(begin, begin + size, std::memory_order_relaxed)) continue;
    (*body)(begin, std::min(n, begin + size), index);
    begin = next.load(std::memory_order_relaxed);
  }
}

void ThreadPool::Impl::Leave() {
  if (active.fetch_sub(1) == 1) active.notify_one();  // only the caller waits for it
}

void ThreadPool::Impl::Run(int index) {
  t_pool = this;
  t_index = index;
  uint32_t seen = 0;  // the last job joined or missed
  while (true) {
    Wait(epoch, [&](uint32_t now) { return now % 2 == 1 && now != seen; });
    if (stop.load()) return;
    seen = epoch.load();
    active.fetch_add(1);
    if (seen % 2 == 1 && epoch.load() == seen) Work(index);
    Leave();
  }
}

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  const int cores = UsableCores();
  const int total = threads > 0 ? threads : cores;
  impl_->spin = total <= cores;
  for (int i = 1; i < total; ++i) {
    try {
      impl_->workers.emplace_back([impl = impl_.get(), i] { impl->Run(i); });
    } catch (const std::system_error&) {
      break;  // the system gives no more threads: go on with those that there are
    }
  }
}

ThreadPool::~ThreadPool() {
  impl_->stop = true;
  ++impl_->epoch;  // looks like a job
  impl_->epoch.notify_all();
  for (std::thread& worker : impl_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(impl_->workers.size()) + 1; }

void ThreadPool::ParallelFor(size_t n, size_t grain,
                             const std::function<void(size_t, size_t, int)>& body) {
  if (n == 0) return;
  grain = std::max<size_t>(1, grain);
  if (t_pool != nullptr) {
    body(0, n, t_pool == impl_.get() ? t_index : 0);
    return;
  }
  Impl& pool = *impl_;
  const size_t grains = (n - 1) / grain + 1;
  const std::lock_guard call_lock(pool.call_mutex);
  t_pool = &pool;
  t_index = 0;
  if (pool.workers.empty() || grains == 1) {
    body(0, n, 0);
    t_pool = nullptr;
    return;
  }
  pool.body = &body;
  pool.n = n;
  pool.grain = grain;
  pool.next.store(0, std::memory_order_relaxed);
  pool.epoch.fetch_add(1);
  pool.epoch.notify_all();  // costs a system call only if somebody sleeps
  pool.Work(0);
  // Every range is handed out. Nobody may join any more; those inside must leave.
  pool.epoch.fetch_add(1);
  pool.Wait(pool.active, [](uint32_t inside) { return inside == 0; });
  t_pool = nullptr;
}

}  // namespace selvedge::core
