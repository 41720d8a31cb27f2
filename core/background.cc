#include "core/background.h"

#include <sys/resource.h>

#include <exception>
#include <system_error>
#include <thread>

namespace selvedge::core {
namespace {

// A tenth of the share of a thread of usual priority (sched(7): a step is a factor of 1.25).
constexpr int kNice = 10;

}  // namespace

void RunInBackground(const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread thread;
  try {
    thread = std::thread([&] {
      // Linux sets the calling thread's own value. Refused: the work is done all the same.
      ::setpriority(PRIO_PROCESS, 0, kNice);
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
    });
  } catch (const std::system_error&) {
    return work();  // no thread to be had
  }
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace selvedge::core
