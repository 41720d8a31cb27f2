#pragma once
// How a training run looks on the command line: flags of `train` and the report of `train`, `jobs
// resume` and `demo`.

#include <string>

#include <selvedge/home.h>

#include "apps/cli/output.h"
#include "apps/cli/progress.h"

namespace selvedge::cli {

Json ToJson(const PrivacyStatement& statement);
Json ToJson(const TrainReport& report);

// "loss 3.2, 5100 tokens/s, epsilon 1.2".
std::string ProgressText(const TrainProgress& progress, bool dp);

// Runs one training job with a progress bar until it ends or a stop signal comes.
Result<TrainReport> RunTraining(Home& home, const TrainOptions& options, bool quiet);

}  // namespace selvedge::cli
