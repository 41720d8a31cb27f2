#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"
#include "apps/cli/plan_flags.h"

namespace selvedge::cli {
namespace {

Status Plan(Context& context, const PlanFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const TrainPlan plan, home.Plan(OptionsOf(flags, context.threads)));
  context.out.Report({{"groups", plan.groups},
                      {"groups_retired", plan.groups_retired},
                      {"near_duplicates", plan.near_duplicates},
                      {"records", plan.records},
                      {"sampling_rate", plan.sampling_rate},
                      {"groups_per_step", plan.groups_per_step},
                      {"steps", plan.steps},
                      {"noise_multiplier", plan.noise_multiplier},
                      {"epsilon", plan.epsilon},
                      {"delta", plan.delta},
                      {"epsilon_left", plan.epsilon_left},
                      {"rank", plan.rank},
                      {"target_modules", plan.target_modules},
                      {"trained_parameters", plan.trained_parameters},
                      {"noise_to_signal", plan.noise_to_signal},
                      {"judges", plan.judges},
                      {"gate_noise_multiplier", plan.gate_noise_multiplier},
                      {"tokens_per_s", plan.tokens_per_s},
                      {"minutes", plan.minutes},
                      {"reasons", plan.reasons}});
  return OkStatus();
}

}  // namespace

void AddPlan(CommandLine* line, CLI::App* group) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* app = line->Add(
      group, "plan",
      "What `train` would do with what the budgets have left, how long it takes, and why.",
      "selvedge privacy plan --epsilon 4 --minutes 20",
      [flags](Context& context) { return Plan(context, *flags); });
  AddPlanFlags(app, flags.get());
}

}  // namespace selvedge::cli
