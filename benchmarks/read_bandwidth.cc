// How fast this machine reads memory: the ceiling of decoding a model that no cache holds.
//
//   read_bandwidth [--mib N] [--threads N] [--seconds S]
//
// Every thread sums a part of its own, 64 bytes at a time, again and again. "small pages" are 4 KiB
// pages of anonymous memory, "huge pages" are the same with MADV_HUGEPAGE where the system agrees.
// GB/s of all threads together, median of the passes.

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/thread_pool.h"

namespace selvedge {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  size_t mib = 1024;
  int threads = 1;
  double seconds = 2;
};

// 64-byte vector: eight independent sums hide the latency of an addition.
using Line = uint64_t __attribute__((vector_size(64)));

uint64_t Sum(const uint8_t* begin, const uint8_t* end) {
  Line sums[8] = {};
  for (const uint8_t* p = begin; p + sizeof sums <= end; p += sizeof sums) {
    const auto* lines = reinterpret_cast<const Line*>(p);
    for (size_t i = 0; i < 8; ++i) sums[i] += lines[i];
  }
  for (size_t i = 1; i < 8; ++i) sums[0] += sums[i];
  return sums[0][0] + sums[0][7];
}

// Median GB/s over the passes of `options.seconds`.
double Measure(const Options& options, core::ThreadPool& pool, const uint8_t* data, size_t size) {
  std::vector<double> rates;
  std::vector<uint64_t> sums(static_cast<size_t>(options.threads));
  const size_t parts = sums.size();
  const auto start = Clock::now();
  do {
    const auto before = Clock::now();
    pool.ParallelFor(parts, 1, [&](size_t begin, size_t end, int) {
      for (size_t i = begin; i < end; ++i) {
        sums[i] += Sum(data + size * i / parts, data + size * (i + 1) / parts);
      }
    });
    const std::chrono::duration<double> took = Clock::now() - before;
    rates.push_back(static_cast<double>(size) / took.count() * 1e-9);
  } while (std::chrono::duration<double>(Clock::now() - start).count() < options.seconds);
  if (std::count(sums.begin(), sums.end(), 1) > 0) std::puts("");  // keeps the sums
  std::nth_element(rates.begin(), rates.begin() + static_cast<long>(rates.size() / 2), rates.end());
  return rates[rates.size() / 2];
}

int Run(const Options& options) {
  core::ThreadPool pool(options.threads);
  const size_t size = options.mib << 20;
  for (const bool huge : {false, true}) {
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      std::fprintf(stderr, "read_bandwidth: no memory for %zu MiB\n", options.mib);
      return 1;
    }
    ::madvise(memory, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    std::memset(memory, 1, size);
    std::printf("%-12s %zu MiB, %d thread(s): %.1f GB/s\n", huge ? "huge pages" : "small pages",
                options.mib, options.threads,
                Measure(options, pool, static_cast<const uint8_t*>(memory), size));
    ::munmap(memory, size);
  }
  return 0;
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--mib") == 0) options.mib = std::strtoul(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--threads") == 0) options.threads = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--seconds") == 0) options.seconds = std::atof(argv[i + 1]);
  }
  options.mib = std::max<size_t>(options.mib, 1);
  options.threads = std::max(options.threads, 1);
  return options;
}

}  // namespace
}  // namespace selvedge

int main(int argc, char** argv) { return selvedge::Run(selvedge::Parse(argc, argv)); }
