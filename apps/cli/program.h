#pragma once
// What every program does around its command line.

#include <functional>

#include "apps/cli/command_line.h"

namespace selvedge::cli {

// Runs the command line that `add_commands` fills and returns the exit code. Before that:
// - Standard descriptors that the caller closed are filled with /dev/null, turned so that using
//   them still fails. Else a database could be opened as descriptor 2 and get our messages.
// - Writing to a closed pipe or past the file size limit (ulimit -f) is an error of that write, not
//   the end of the process.
int RunProgram(int argc, char** argv, const std::function<void(CommandLine*)>& add_commands);

}  // namespace selvedge::cli
