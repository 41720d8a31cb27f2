#include "apps/cli/plan_flags.h"

#include "apps/cli/command_line.h"

namespace selvedge::cli {
namespace {

void AddPrivacyFlags(CLI::App* app, PlanFlags* flags) {
  TrainOptions* options = &flags->options;
  AddChoice(app, "--dp", &flags->dp, {"on", "off"}, "Differential privacy (default on)");
  AddReal(app, "--epsilon", &options->epsilon, 1e-6, 1e6,
          "What this run may spend (default: all that is left)");
  AddReal(app, "--noise-multiplier", &options->noise_multiplier, 1e-6, 1e9,
          "Noise over clip norm (default: solved from epsilon and steps)");
  AddChoice(
      app, "--mechanism", &flags->mechanism, {"gaussian", "blt"},
      "gaussian: fresh noise in each step (the default); blt: streaming, groups take turns and "
      "the noise of steps is correlated");
  AddReal(app, "--clip-norm", &options->clip_norm, 1e-9, 1e9,
          "Largest gradient norm of a group (default 1)");
  AddChoice(app, "--gate", &flags->gate, {"private", "exact"},
            "How held-out records judge the adapter: a noised answer that is charged to them (the "
            "default), or an exact one that the privacy statement does not cover");
}

void AddGroupFlags(CLI::App* app, PlanFlags* flags) {
  TrainOptions* options = &flags->options;
  constexpr int64_t kMost = 1'000'000'000;
  AddChoice(app, "--near-duplicates", &flags->near_duplicates, {"drop", "keep"},
            "What nearly repeats a record of another group: drop leaves it out (the default)");
  AddInt(app, "--records-per-group", &options->records_per_group, 1, kMost,
         "Records of a group that take part in the run, drawn at random (default: all)");
  AddInt(app, "--windows-per-step", &options->windows_per_step, 0, kMost,
         "Of a group, the rest take turns (default 32; 0: no limit)");
}

void AddAdapterFlags(CLI::App* app, PlanFlags* flags) {
  AddInt(app, "--rank", &flags->rank, 1, 256,
         "LoRA rank (default: up to 8, fewer where noise would drown it)");
  AddReal(app, "--alpha", &flags->options.alpha, 1e-3, 1e4, "LoRA alpha (default twice the rank)");
  AddText(app, "--target-modules", &flags->target_modules, "LIST",
          "all-linear, or some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, "
          "lm_head separated by commas; auto (the default) chooses them with the rank");
  AddReal(app, "--dropout", &flags->options.dropout, 0, 0.9,
          "Share of a layer's inputs that its adapter does not see (default 0)");
  AddChoice(app, "--optimizer", &flags->optimizer, {"adam", "sgd"},
            "adam (the default), or sgd with momentum 0.9, which needs --learning-rate");
  AddReal(app, "--learning-rate", &flags->options.learning_rate, 1e-9, 10,
          "Learning rate (default: the optimizer's)");
}

void AddScheduleFlags(CLI::App* app, PlanFlags* flags) {
  TrainOptions* options = &flags->options;
  constexpr int64_t kMost = 1'000'000;
  AddInt(app, "--steps", &options->steps, 1, kMost,
         "Steps (default 30; without privacy three passes)");
  AddReal(app, "--minutes", &options->minutes, 1e-2, 1e6,
          "Plan the run to end within that on this machine (default: no bound)");
  AddInt(app, "--batch-size", &options->batch_size, 1, int64_t{1} << 30,
         "Expected groups per step, drawn at random (default: all, fewer of many; 32 without "
         "privacy)");
  AddInt(app, "--seq-len", &options->seq_len, 8, int64_t{1} << 20,
         "Tokens of a record read in one step, in windows that take turns (default 64; without "
         "privacy the context)");
  AddSeed(app, "-s,--seed", &options->seed, "Seed of order and initialisation, never of the noise");
}

}  // namespace

void AddPlanFlags(CLI::App* app, PlanFlags* flags) {
  AddPrivacyFlags(app, flags);
  AddGroupFlags(app, flags);
  AddAdapterFlags(app, flags);
  AddScheduleFlags(app, flags);
}

TrainOptions OptionsOf(const PlanFlags& flags, int64_t threads) {
  TrainOptions options = flags.options;
  options.dp = flags.dp == "on";
  options.private_gate = flags.gate == "private";
  options.mechanism =
      flags.mechanism == "blt" ? NoiseMechanism::kBlt : NoiseMechanism::kIndependent;
  options.keep_near_duplicates = flags.near_duplicates == "keep";
  options.optimizer = flags.optimizer == "sgd" ? Optimizer::kSgd : Optimizer::kAdam;
  options.rank = static_cast<int>(flags.rank);
  options.threads = static_cast<int>(threads);
  if (flags.target_modules != "auto") options.target_modules = SplitList(flags.target_modules, ',');
  return options;
}

}  // namespace selvedge::cli
