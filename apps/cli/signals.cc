#include "apps/cli/signals.h"

#include <signal.h>
#include <unistd.h>

namespace selvedge::cli {
namespace {

// A signal handler reaches nothing but static storage; lock-free atomics are async-signal-safe.
std::atomic<bool> stop_requested{false};
std::atomic<int> stop_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void OnStopSignal(int signal_number) {
  if (stop_requested.exchange(true)) _exit(128 + signal_number);
  stop_signal.store(signal_number);
}

}  // namespace

void CatchStopSignals() {
  struct sigaction action {};
  action.sa_handler = OnStopSignal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
}

const std::atomic<bool>* StopFlag() { return &stop_requested; }

int StopExitCode() {
  const int signal_number = stop_signal.load();
  return signal_number == 0 ? 0 : 128 + signal_number;
}

}  // namespace selvedge::cli
