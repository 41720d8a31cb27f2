#include "apps/cli/run_flags.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "apps/cli/command_line.h"

namespace selvedge::cli {
namespace {

Result<std::vector<Condition>> ParseConditions(const std::string& list) {
  const Condition all[] = {Condition::kCharging, Condition::kIdle, Condition::kCool,
                           Condition::kUnmetered};
  std::vector<Condition> conditions;
  for (const std::string& name : SplitList(list, ',')) {
    const auto* found = std::find_if(std::begin(all), std::end(all), [&](Condition condition) {
      return name == ConditionName(condition);
    });
    if (found == std::end(all)) {
      return UsageError("option: --when: '" + name +
                        "', charging, idle, cool, unmetered are allowed");
    }
    conditions.push_back(*found);
  }
  return conditions;
}

}  // namespace

void AddRunFlags(CLI::App* app, RunFlags* flags) {
  CLI::Option* when = AddText(app, "--when", &flags->when, "LIST",
                              "Conditions that must hold (default charging,idle,cool)");
  app->add_flag("--now", flags->now, "Start whatever the conditions")->excludes(when);
  AddInt(app, "--memory-limit", &flags->memory_limit_mb, 1, int64_t{1} << 30,
         "Memory limit in MiB");
  AddReal(app, "--time-limit", &flags->time_limit_s, 1e-3, 1e9,
          "Stop with a checkpoint after this many seconds");
}

Status ApplyRunFlags(const RunFlags& flags, TrainOptions* options) {
  options->now = flags.now;
  SELVEDGE_ASSIGN_OR_RETURN(options->when, ParseConditions(flags.when));
  options->memory_limit_mb = flags.memory_limit_mb;
  options->time_limit_s = flags.time_limit_s;
  return OkStatus();
}

}  // namespace selvedge::cli
