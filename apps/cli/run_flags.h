#pragma once
// The flags of `train` and `jobs resume` that belong to one run and not to the job: when it may
// start and what it may use.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include <selvedge/home.h>
#include <selvedge/status.h>

namespace selvedge::cli {

struct RunFlags {
  bool now = false;
  std::string when = "charging,idle,cool";
  int64_t memory_limit_mb = 0;
  double time_limit_s = 0;
};

void AddRunFlags(CLI::App* app, RunFlags* flags);

// kUsage for an unknown condition.
Status ApplyRunFlags(const RunFlags& flags, TrainOptions* options);

}  // namespace selvedge::cli
