#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"
#include "apps/cli/plan_flags.h"
#include "apps/cli/run_flags.h"
#include "apps/cli/train_report.h"

namespace selvedge::cli {
namespace {

struct TrainFlags {
  PlanFlags plan;
  RunFlags run;
};

Status Train(Context& context, const TrainFlags& flags) {
  TrainOptions options = OptionsOf(flags.plan, context.threads);
  SELVEDGE_RETURN_IF_ERROR(ApplyRunFlags(flags.run, &options));
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const TrainReport report,
                            RunTraining(home, options, context.out.quiet));
  context.out.Report(ToJson(report));
  return OkStatus();
}

}  // namespace

void AddTrain(CommandLine* line) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* app = line->Add(
      nullptr, "train", "Train an adapter on the stored records; resumes a job that was stopped.",
      "selvedge train --now --epsilon 4 --steps 40",
      [flags](Context& context) { return Train(context, *flags); });
  AddRunFlags(app, &flags->run);
  AddPlanFlags(app, &flags->plan);
}

}  // namespace selvedge::cli
