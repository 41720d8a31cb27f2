#pragma once
// SIGINT and SIGTERM as a flag, for commands that save their state before they end.

#include <atomic>

namespace selvedge::cli {

// From now on the first SIGINT or SIGTERM sets the flag; the second ends the process at once.
void CatchStopSignals();
// Becomes true when a signal came; safe to poll from any thread.
const std::atomic<bool>* StopFlag();
// 130 after SIGINT, 143 after SIGTERM, 0 if none came.
int StopExitCode();

}  // namespace selvedge::cli
