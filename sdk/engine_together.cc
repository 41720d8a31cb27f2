#include <selvedge/engine.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

namespace selvedge {
namespace {

// Generations under way at once; the others begin as those end. More share the weights no better.
constexpr size_t kMostTogether = 32;

}  // namespace

std::vector<Result<GenerateResult>> Engine::GenerateTogether(
    const std::vector<GenerateOptions>& requests) const {
  std::vector<Result<GenerateResult>> results(requests.size(), InternalError("generate: not run"));
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < requests.size(); i = next++) results[i] = Generate(requests[i]);
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(requests.size(), kMostTogether); ++i) {
    try {
      threads.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // the system gives no more threads: those that there are take over
    }
  }
  work();
  for (std::thread& thread : threads) thread.join();
  return results;
}

}  // namespace selvedge
