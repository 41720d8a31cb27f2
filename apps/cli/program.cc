#include "apps/cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

namespace selvedge::cli {
namespace {

void FillStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one: those below it are open by now.
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) _exit(1);
  }
}

}  // namespace

int RunProgram(int argc, char** argv, const std::function<void(CommandLine*)>& add_commands) {
  FillStandardDescriptors();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  try {
    CommandLine line;
    add_commands(&line);
    return line.Run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("selvedge: memory: used up\n", stderr);
    return ExitCode(StatusCode::kNoSpace);
  } catch (const std::exception& error) {
    // Only a bug comes here: libraries report by Status.
    std::fprintf(stderr, "selvedge: internal error: %s\n", error.what());
    return ExitCode(StatusCode::kInternal);
  }
}

}  // namespace selvedge::cli
