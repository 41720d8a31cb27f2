#include <selvedge/audit.h>

#include <algorithm>
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/progress.h"
#include "apps/cli/scratch_home.h"
#include "apps/cli/signals.h"
#include "apps/demo/samples.h"

namespace selvedge::cli {
namespace {

// The canaries are what matters; a part of the sample records keeps the run short.
constexpr int kRecords = 200;

std::string FirstLines(std::string_view text, int lines) {
  size_t end = 0;
  for (; lines > 0 && end < text.size(); --lines)
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return std::string(text.substr(0, end));
}

Json ToJson(const AuditReport& r) {
  return {{"passed", r.failures.empty()},
          {"epsilon_lower", r.epsilon_lower},
          {"epsilon_upper", r.epsilon_upper},
          {"delta", r.delta},
          {"confidence", r.confidence},
          {"exposure", r.exposure},
          {"exposure_by_chance", r.exposure_by_chance},
          {"canary_records", r.canary_records},
          {"canaries", r.canaries},
          {"guesses", r.guesses},
          {"correct", r.correct},
          {"steps", r.steps},
          {"step_epsilon_lower", r.step_epsilon_lower},
          {"step_epsilon_upper", r.step_epsilon_upper},
          {"noise_multiplier", r.noise_multiplier},
          {"noise_multiplier_measured", r.noise_multiplier_measured},
          {"noise_standard_error", r.noise_standard_error},
          {"sensitivity", r.sensitivity},
          {"sensitivity_standard_error", r.sensitivity_standard_error},
          {"failures", r.failures}};
}

// Reports in any case; a run that shows more than it may is a failure of the command.
Status RunPrivacyAudit(Context& context, const AuditOptions& flags) {
  AuditOptions options = flags;
  options.threads = static_cast<int>(context.threads);
  options.records = FirstLines(demo::TrainSamples(), kRecords);
  SELVEDGE_ASSIGN_OR_RETURN(const std::unique_ptr<ScratchHome> scratch, ScratchHome::Create());
  options.home_path = scratch->path();
  CatchStopSignals();
  Progress bar("audit", context.out.quiet);
  SELVEDGE_ASSIGN_OR_RETURN(const AuditReport report,
                            RunAudit(options, StopFlag(), [&bar](const TrainProgress& progress) {
                              bar.Update(progress.step, progress.steps, "");
                            }));
  bar.Finish();
  context.out.Report(ToJson(report));
  if (report.failures.empty()) return OkStatus();
  return InternalError("privacy audit: FAILED: " + report.failures.front());
}

}  // namespace

void AddAudit(CommandLine* line, CLI::App* group) {
  auto options = std::make_shared<AuditOptions>();
  CLI::App* audit = line->Add(
      group, "audit", "Attack a training run with canaries: what it shows beside what it promises.",
      "selvedge privacy audit --canaries 1000",
      [options](Context& context) { return RunPrivacyAudit(context, *options); });
  AddInt(audit, "--canaries", &options->canaries, 40, 100'000,
         "Groups of known gradient, each in with probability 1/2 (default 1000)");
  AddInt(audit, "--steps", &options->steps, 1, 10'000, "Steps of the run (default 12)");
  AddReal(audit, "--epsilon", &options->epsilon, 1e-3, 100, "Epsilon of the run (default 4)");
  AddReal(audit, "--delta", &options->delta, 1e-15, 0.009, "Delta of the claim (default 1e-5)");
  AddReal(audit, "--confidence", &options->confidence, 0.5, 0.999999,
          "Of the lower bounds (default 0.95)");
  AddText(audit, "-m,--model", &options->model_path, "MODEL",
          "Base model (default: the embedded one)");
}

}  // namespace selvedge::cli
