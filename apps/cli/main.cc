// The `selvedge` command; docs/cli.md describes it.

#include "apps/cli/commands.h"
#include "apps/cli/program.h"
#include "apps/cli/serve.h"

namespace selvedge::cli {
namespace {

void AddCommands(CommandLine* line, char** argv) {
  AddDemo(line);
  AddHome(line);
  AddData(line);
  AddTrain(line);
  AddJobs(line);
  AddAdapters(line);
  AddGenerate(line);
  AddChat(line);
  AddEval(line);
  AddModel(line);
  AddPrivacy(line);
  AddBench(line);
  AddServe(line, [argv](auto&, const auto&) { return StartServer(argv); });
  AddKeys(line);
  AddWipe(line);
  AddDoctor(line);
}

}  // namespace
}  // namespace selvedge::cli

int main(int argc, char** argv) {
  return selvedge::cli::RunProgram(argc, argv,
                                   [argv](auto* line) { selvedge::cli::AddCommands(line, argv); });
}
