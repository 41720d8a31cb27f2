#pragma once
// The flags of `train` and `privacy plan` that decide what is trained.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include <selvedge/home.h>

namespace selvedge::cli {

struct PlanFlags {
  TrainOptions options;
  std::string dp = "on";
  std::string gate = "private";
  std::string mechanism = "gaussian";
  std::string near_duplicates = "drop";
  std::string target_modules = "auto";
  std::string optimizer = "adam";
  int64_t rank = 0;
};

void AddPlanFlags(CLI::App* app, PlanFlags* flags);

// The options that the flags ask for.
TrainOptions OptionsOf(const PlanFlags& flags, int64_t threads);

}  // namespace selvedge::cli
