// Time of one epsilon over a grid of sampling rates, noise multipliers and steps.
//
//   build/benchmarks/accounting_bench            one JSON object: CPU milliseconds per call

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

#include <selvedge/privacy.h>

namespace {

double CpuMs() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

}  // namespace

int main() {
  std::vector<double> times;
  for (const double q : {0.001, 0.01, 0.04, 0.1, 0.25, 1.0}) {
    for (const double sigma : {0.6, 1.0, 2.0, 4.0}) {
      for (const int64_t steps : {1, 100, 1000, 10000}) {
        const double start = CpuMs();
        const auto epsilon = selvedge::ComputeEpsilon({{q, sigma, steps}}, 1e-5);
        if (!epsilon.ok()) return 1;
        times.push_back(CpuMs() - start);
      }
    }
  }
  std::sort(times.begin(), times.end());
  double sum = 0;
  for (const double t : times) sum += t;
  std::printf(
      "{\"calls\":%zu,\"median_ms\":%.3f,\"p90_ms\":%.3f,\"max_ms\":%.3f,\"mean_ms\":%.3f}\n",
      times.size(), times[times.size() / 2], times[times.size() * 9 / 10], times.back(),
      sum / static_cast<double>(times.size()));
  return 0;
}
