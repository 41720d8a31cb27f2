#pragma once
// Everything that decides the course of a training job, fixed before it touches data and stored
// with it, so that a resumed run is the same run.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "privacy/correlated/correlation.h"
#include "sdk/home_impl.h"
#include "trainer/trainer.h"

namespace selvedge {

struct JobPlan {
  bool dp = true;
  int64_t steps = 0;
  double sampling_rate = 1;
  double noise_multiplier = 0;  // 0 without dp
  double clip_norm = 1;
  double divisor = 1;
  double most_spent = 0;  // groups with more epsilon spent than this do not take part; not stored
  int rank = 8;
  double alpha = 16;
  std::vector<std::string> target_modules;  // PEFT names
  int64_t seq_len = 0;
  Optimizer optimizer = Optimizer::kAdam;
  double learning_rate = 0;
  double dropout = 0;
  uint64_t seed = 0;
  double noise_to_signal = 0;
  std::string reason;            // why this size of adapter, for the owner
  std::string schedule_reason;   // why so many groups in a step, and steps; not stored
  int64_t windows_per_step = 0;  // of a group; 0 = all
  int64_t near_duplicates = 0;   // found among the records
  bool keep_near_duplicates = false;
  double judges_most_spent = 0;      // held-out groups with more are not asked; not stored
  double gate_noise_multiplier = 0;  // 0: the gate answers exactly
  // Correlated noise; noise_multiplier is then that of z, before it is correlated.
  std::optional<privacy::Correlation> correlation;

  // What `n` steps cost; with correlated noise what the run costs, which its first step pays.
  MechanismEvent Event(int64_t n) const;
  // The independent full-batch noise that the end of the run would be as noisy with.
  MechanismEvent NoiseOfRun() const;
};

std::string PlanToJson(const JobPlan& plan);
Result<JobPlan> PlanFromJson(const std::string& text);  // kIncompatible: of another version

// What an owner has to repeat for a stopped job to go on: equal text, equal configuration.
std::string ConfigurationText(const TrainOptions& options, const HomeConfig& home);

// The trainer's configuration of a plan.
Result<trainer::Config> TrainerConfig(const JobPlan& plan, const HomeConfig& home,
                                      const inference::Model& model, const TrainOptions& options);

}  // namespace selvedge
