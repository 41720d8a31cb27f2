#include "core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace selvedge::core {
namespace {

// Long enough that the serial glue between two matrix products (a few microseconds) does not put
// the workers to sleep, short enough to be invisible on a busy machine.
constexpr int kSpins = 200;

// Ranges per thread: more even out uneven cores, fewer cost less hand-out.
constexpr size_t kRangesPerThread = 8;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int UsableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

struct Job {
  const std::function<void(size_t, size_t, int)>* body = nullptr;
  size_t n = 0;
  size_t step = 1;
  std::atomic<size_t> next{0};
};

// What this thread is doing now, so that a call from within a body runs inline.
thread_local const void* t_pool = nullptr;
thread_local int t_index = 0;

void Work(Job& job, int index) {
  while (true) {
    const size_t begin = job.next.fetch_add(job.step, std::memory_order_relaxed);
    if (begin >= job.n) return;
    (*job.body)(begin, std::min(job.n, begin + job.step), index);
  }
}

}  // namespace

struct ThreadPool::Impl {
  std::mutex call_mutex;  // held during a ParallelFor: one job at a time
  std::mutex mutex;       // guards job, stop, sleepers
  std::condition_variable wake;
  std::condition_variable done;
  Job* job = nullptr;  // non-null while workers may join
  bool stop = false;
  int sleepers = 0;
  std::atomic<uint64_t> generation{0};  // counts jobs
  std::atomic<int> active{0};           // workers inside the job
  bool spin = false;
  std::vector<std::thread> workers;

  void Run(int index);
};

void ThreadPool::Impl::Run(int index) {
  t_pool = this;
  t_index = index;
  uint64_t seen = 0;
  std::unique_lock lock(mutex);
  while (true) {
    if (spin && generation.load(std::memory_order_relaxed) == seen) {
      lock.unlock();
      for (int i = 0; i < kSpins && generation.load(std::memory_order_relaxed) == seen; ++i)
        Pause();
      lock.lock();
    }
    ++sleepers;
    wake.wait(lock, [&] { return stop || generation.load(std::memory_order_relaxed) != seen; });
    --sleepers;
    if (stop) return;
    seen = generation.load(std::memory_order_relaxed);
    if (job == nullptr) continue;  // woke too late: the others have finished it
    Job& joined = *job;
    active.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    Work(joined, index);
    lock.lock();
    if (active.fetch_sub(1, std::memory_order_acq_rel) == 1) done.notify_one();
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
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->generation.fetch_add(1, std::memory_order_relaxed);
  impl_->wake.notify_all();
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
  const size_t grains = (n - 1) / grain + 1;
  const size_t count = static_cast<size_t>(threads());
  const std::lock_guard call_lock(impl_->call_mutex);
  t_pool = impl_.get();
  t_index = 0;
  if (count == 1 || grains == 1) {
    body(0, n, 0);
    t_pool = nullptr;
    return;
  }
  Job job;
  job.body = &body;
  job.n = n;
  job.step = grain * std::max<size_t>(1, grains / (count * kRangesPerThread));
  int wake_count;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->job = &job;
    impl_->generation.fetch_add(1, std::memory_order_relaxed);
    wake_count = static_cast<int>(std::min<size_t>(impl_->sleepers, grains - 1));
  }
  for (int i = 0; i < wake_count; ++i) impl_->wake.notify_one();

  Work(job, 0);

  // Every range is handed out. Nobody may join any more; those inside must leave.
  std::unique_lock lock(impl_->mutex);
  impl_->job = nullptr;
  if (impl_->spin && impl_->active.load(std::memory_order_relaxed) > 0) {
    lock.unlock();
    for (int i = 0; i < kSpins && impl_->active.load(std::memory_order_relaxed) > 0; ++i) Pause();
    lock.lock();
  }
  impl_->done.wait(lock, [&] { return impl_->active.load(std::memory_order_acquire) == 0; });
  t_pool = nullptr;
}

}  // namespace selvedge::core
