#pragma once
// Work that gives way to everything else on the machine.

#include <functional>

namespace selvedge::core {

// Runs `work` on a thread of its own, of low priority, and returns when it is done. Threads that it
// starts have the same priority; what it throws is thrown here. The caller's own stays as it is: a process without privileges
// cannot raise it again.
void RunInBackground(const std::function<void()>& work);

}  // namespace selvedge::core
