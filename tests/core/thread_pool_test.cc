#include "core/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace selvedge::core {
namespace {

TEST(ThreadPool, CoversTheRangeExactlyOnceInWholeGrains) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const size_t n : {0u, 1u, 2u, 7u, 64u, 1000u}) {
      for (const size_t grain : {0u, 1u, 3u, 16u, 5000u}) {
        std::vector<std::atomic<int>> seen(n);
        std::atomic<bool> odd_range{false};
        pool.ParallelFor(n, grain, [&](size_t begin, size_t end, int thread) {
          if (grain > 0 && (begin % grain != 0 || (end % grain != 0 && end != n))) odd_range = true;
          if (thread < 0 || thread >= threads || begin >= end) odd_range = true;
          for (size_t i = begin; i < end; ++i) ++seen[i];
        });
        EXPECT_FALSE(odd_range) << n << " by " << grain;
        EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& s) { return s == 1; }))
            << n << " by " << grain << " on " << threads;
      }
    }
  }
}

TEST(ThreadPool, AThreadIndexIsHeldByOneThreadAtATime) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<bool> shared{false};
  for (int round = 0; round < 200; ++round) {
    pool.ParallelFor(64, 1, [&](size_t, size_t, int thread) {
      if (inside[thread]++ != 0) shared = true;
      std::this_thread::yield();
      --inside[thread];
    });
  }
  EXPECT_FALSE(shared);
}

TEST(ThreadPool, NestedCallsRunInlineWithTheSameThreadIndex) {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> seen(100);
  std::atomic<bool> other_thread{false};
  pool.ParallelFor(10, 1, [&](size_t begin, size_t end, int outer) {
    for (size_t i = begin; i < end; ++i) {
      const auto id = std::this_thread::get_id();
      pool.ParallelFor(10, 1, [&](size_t b, size_t e, int inner) {
        if (inner != outer || std::this_thread::get_id() != id) other_thread = true;
        for (size_t j = b; j < e; ++j) ++seen[i * 10 + j];
      });
    }
  });
  EXPECT_FALSE(other_thread);
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& s) { return s == 1; }));
}

TEST(ThreadPool, AnotherPoolWithinABodyRunsInline) {
  ThreadPool outer_pool(2), inner_pool(2);
  std::atomic<int> sum{0};
  outer_pool.ParallelFor(8, 1, [&](size_t begin, size_t end, int) {
    for (size_t i = begin; i < end; ++i) {
      inner_pool.ParallelFor(8, 1, [&](size_t b, size_t e, int thread) {
        EXPECT_LT(thread, inner_pool.threads());
        sum += static_cast<int>(e - b);
      });
    }
  });
  EXPECT_EQ(sum, 64);
}

TEST(ThreadPool, CallersFromSeveralThreadsDoNotMix) {
  ThreadPool pool(3);
  std::thread callers[4];
  std::atomic<int> wrong{0};
  for (std::thread& caller : callers) {
    caller = std::thread([&] {
      for (int round = 0; round < 100; ++round) {
        std::vector<std::atomic<int>> seen(37);
        pool.ParallelFor(seen.size(), 2, [&](size_t b, size_t e, int) {
          for (size_t i = b; i < e; ++i) ++seen[i];
        });
        for (const auto& s : seen) wrong += s != 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, UsesEveryCoreByDefault) {
  const ThreadPool pool(0);
  EXPECT_GE(pool.threads(), 1);
  EXPECT_LE(pool.threads(), 4096);
}

}  // namespace
}  // namespace selvedge::core
