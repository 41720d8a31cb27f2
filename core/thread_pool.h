#pragma once
// Runs a loop's parts on a fixed set of threads; waiting threads sleep, so a busy machine is not
// made busier.

#include <cstddef>
#include <functional>
#include <memory>

namespace selvedge::core {

class ThreadPool {
 public:
  // `threads` counts the calling thread; 0 = one per core that this process may run on.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls body(begin, end, thread) over disjoint ranges that cover [0, n); ranges hold a multiple
  // of `grain` items except the last, and are handed out dynamically. Returns when all are done.
  // `thread` is in [0, threads()). Calls from several threads at once are serialised; calls from
  // within a body run inline.
  void ParallelFor(size_t n, size_t grain, const std::function<void(size_t, size_t, int)>& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvedge::core
