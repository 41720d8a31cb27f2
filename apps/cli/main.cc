// The `selvedge` command; docs/cli.md describes it.

#include <signal.h>

#include <cstdio>
#include <exception>

#include "apps/cli/commands.h"
#include "apps/cli/serve.h"

int main(int argc, char** argv) {
  // A reader that goes away shows as a failed write, which every command handles.
  signal(SIGPIPE, SIG_IGN);
  try {
    selvedge::cli::CommandLine line;
    selvedge::cli::AddDemo(&line);
    selvedge::cli::AddHome(&line);
    selvedge::cli::AddData(&line);
    selvedge::cli::AddTrain(&line);
    selvedge::cli::AddJobs(&line);
    selvedge::cli::AddAdapters(&line);
    selvedge::cli::AddGenerate(&line);
    selvedge::cli::AddChat(&line);
    selvedge::cli::AddEval(&line);
    selvedge::cli::AddModel(&line);
    selvedge::cli::AddPrivacy(&line);
    selvedge::cli::AddBench(&line);
    selvedge::cli::AddServe(
        &line, [argv](auto&, const auto&) { return selvedge::cli::StartServer(argv); });
    selvedge::cli::AddKeys(&line);
    selvedge::cli::AddWipe(&line);
    selvedge::cli::AddDoctor(&line);
    return line.Run(argc, argv);
  } catch (const std::exception& error) {
    // Only a bug or exhausted memory comes here: libraries report by Status.
    std::fprintf(stderr, "selvedge: internal error: %s\n", error.what());
    return 1;
  }
}
