#include "apps/demo/demo.h"

#include <memory>

#include <selvedge/machine.h>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"
#include "apps/cli/progress.h"
#include "apps/cli/scratch_home.h"
#include "apps/cli/signals.h"
#include "apps/cli/train_report.h"

namespace selvedge::cli {
namespace {

Json DemoJson(const demo::DemoReport& report) {
  return {{"records", report.records},
          {"duplicates", report.duplicates},
          {"redactions", report.redactions},
          {"heldout_records", report.heldout_records},
          {"unit", report.training.privacy.unit},
          {"epsilon", report.training.privacy.epsilon},
          {"delta", report.training.privacy.delta},
          {"steps", report.training.steps},
          {"loss_before", report.loss_before},
          {"loss_after", report.loss_after},
          {"ppl_before", report.ppl_before},
          {"ppl_after", report.ppl_after},
          {"gate", report.training.gate},
          {"adapter_id", report.training.adapter_id},
          {"swap_ms", report.swap_ms},
          {"seconds", report.seconds},
          {"label_tokens_per_s", report.training.label_tokens_per_s},
          {"peak_rss_mb", PeakRssMb()},
          {"prompt", report.prompt},
          {"text_before", report.text_before},
          {"text_after", report.text_after},
          {"privacy", ToJson(report.training.privacy)}};
}

// The home is temporary unless --home names one, which is then kept.
Status Demonstrate(Context& context, const demo::DemoOptions& flags) {
  demo::DemoOptions options = flags;
  options.threads = static_cast<int>(context.threads);
  options.home = context.home;
  SELVEDGE_ASSIGN_OR_RETURN(options.key, Key(context));
  std::unique_ptr<ScratchHome> scratch;
  if (options.home.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(scratch, ScratchHome::Create());
    options.home = scratch->path();
  }
  CatchStopSignals();
  Progress bar("train", context.out.quiet);
  demo::DemoEvents events;
  events.on_stage = [&](const std::string& stage) {
    bar.Finish();
    context.out.Note(stage);
  };
  events.on_progress = [&bar](const TrainProgress& progress) {
    bar.Update(progress.step, progress.steps, ProgressText(progress, true));
  };
  SELVEDGE_ASSIGN_OR_RETURN(const demo::DemoReport report,
                            demo::RunDemo(options, StopFlag(), events));
  bar.Finish();
  context.out.Report(DemoJson(report));
  return OkStatus();
}

}  // namespace

void AddDemo(CommandLine* line) {
  auto options = std::make_shared<demo::DemoOptions>();
  CLI::App* app = line->Add(
      nullptr, "demo",
      "The whole loop in a temporary home: consent, ingest, private training, hot swap.",
      "selvedge demo", [options](Context& context) { return Demonstrate(context, *options); });
  AddReal(app, "--epsilon", &options->epsilon, 1e-6, 1e6, "Privacy budget (default 8)");
  AddReal(app, "--delta", &options->delta, 1e-15, 0.1, "Delta of the claim (default 1e-5)");
  AddInt(app, "--steps", &options->steps, 1, 100'000, "Training steps (default 30)");
  AddSeed(app, "-s,--seed", &options->seed, "Seed of order and initialisation (default 1)");
}

}  // namespace selvedge::cli
