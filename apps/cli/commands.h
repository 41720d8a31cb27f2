#pragma once
// Every command registers itself on the command line; one file per group.

#include "apps/cli/command_line.h"

namespace selvedge::cli {

void AddDemo(CommandLine* line);      // demo
void AddHome(CommandLine* line);      // init, consent, record
void AddData(CommandLine* line);      // data
void AddTrain(CommandLine* line);     // train
void AddJobs(CommandLine* line);      // jobs
void AddAdapters(CommandLine* line);  // adapters
// adapters export, import, merge, convert: below the group that AddAdapters made
void AddInterchange(CommandLine* line, CLI::App* adapters);
void AddGenerate(CommandLine* line);  // generate
void AddChat(CommandLine* line);      // chat
void AddEval(CommandLine* line);      // eval
void AddModel(CommandLine* line);     // model
void AddPrivacy(CommandLine* line);   // privacy
void AddAudit(CommandLine* line, CLI::App* privacy);  // privacy audit
void AddPlan(CommandLine* line, CLI::App* privacy);   // privacy plan
void AddBench(CommandLine* line);     // bench
void AddKeys(CommandLine* line);      // keys
void AddWipe(CommandLine* line);      // wipe
void AddDoctor(CommandLine* line);    // doctor

}  // namespace selvedge::cli
