#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"
#include "apps/cli/run_flags.h"
#include "apps/cli/train_report.h"

namespace selvedge::cli {
namespace {

struct TrainFlags {
  TrainOptions options;
  RunFlags run;
  std::string dp = "on";
  std::string target_modules = "auto";
  int64_t rank = 0;
};

Status Train(Context& context, const TrainFlags& flags) {
  TrainOptions options = flags.options;
  options.dp = flags.dp == "on";
  options.rank = static_cast<int>(flags.rank);
  options.threads = static_cast<int>(context.threads);
  if (flags.target_modules != "auto") options.target_modules = SplitList(flags.target_modules, ',');
  SELVEDGE_RETURN_IF_ERROR(ApplyRunFlags(flags.run, &options));
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const TrainReport report,
                            RunTraining(home, options, context.out.quiet));
  context.out.Report(ToJson(report));
  return OkStatus();
}

void AddPrivacyFlags(CLI::App* app, TrainFlags* flags) {
  TrainOptions* options = &flags->options;
  AddChoice(app, "--dp", &flags->dp, {"on", "off"}, "Differential privacy (default on)");
  AddReal(app, "--epsilon", &options->epsilon, 1e-6, 1e6,
          "What this run may spend (default: all that is left)");
  AddReal(app, "--noise-multiplier", &options->noise_multiplier, 1e-6, 1e9,
          "Noise over clip norm (default: solved from epsilon and steps)");
  AddReal(app, "--clip-norm", &options->clip_norm, 1e-9, 1e9,
          "Largest gradient norm of a group (default 1)");
}

void AddAdapterFlags(CLI::App* app, TrainFlags* flags) {
  AddInt(app, "--rank", &flags->rank, 1, 256,
         "LoRA rank (default: up to 8, fewer where noise would drown it)");
  AddReal(app, "--alpha", &flags->options.alpha, 1e-3, 1e4, "LoRA alpha (default twice the rank)");
  AddText(app, "--target-modules", &flags->target_modules, "LIST",
          "all-linear, or some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj "
          "separated by commas; auto (the default) chooses them with the rank");
  AddReal(app, "--learning-rate", &flags->options.learning_rate, 1e-9, 10,
          "Learning rate (default: the optimizer's)");
}

void AddScheduleFlags(CLI::App* app, TrainFlags* flags) {
  TrainOptions* options = &flags->options;
  constexpr int64_t kMost = 1'000'000;
  AddInt(app, "--steps", &options->steps, 1, kMost,
         "Steps (default 30; without privacy three passes)");
  AddInt(app, "--batch-size", &options->batch_size, 1, int64_t{1} << 30,
         "Expected groups per step, drawn at random (default: all, fewer of many; 32 without "
         "privacy)");
  AddInt(app, "--seq-len", &options->seq_len, 8, int64_t{1} << 20,
         "Tokens of a record read in one step, in windows that take turns (default 64; without "
         "privacy the context)");
  AddSeed(app, "-s,--seed", &options->seed, "Seed of order and initialisation, never of the noise");
}

}  // namespace

void AddTrain(CommandLine* line) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* app = line->Add(
      nullptr, "train", "Train an adapter on the stored records; resumes a job that was stopped.",
      "selvedge train --now --epsilon 4 --steps 40",
      [flags](Context& context) { return Train(context, *flags); });
  AddRunFlags(app, &flags->run);
  AddPrivacyFlags(app, flags.get());
  AddAdapterFlags(app, flags.get());
  AddScheduleFlags(app, flags.get());
}

}  // namespace selvedge::cli
