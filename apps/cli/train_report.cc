#include "apps/cli/train_report.h"

#include "apps/cli/signals.h"

namespace selvedge::cli {

Json ToJson(const PrivacyStatement& statement) {
  if (statement.accountant.empty()) return nullptr;  // no differential privacy, no claim
  return {{"unit", statement.unit},
          {"epsilon", statement.epsilon},
          {"delta", statement.delta},
          {"accountant", statement.accountant},
          {"sampling", statement.sampling},
          {"sampling_rate", statement.sampling_rate},
          {"noise_multiplier", statement.noise_multiplier},
          {"steps", statement.steps},
          {"neighbouring", statement.neighbouring}};
}

namespace {

Json PlanToJson(const TrainReport& report) {
  return {{"rank", report.rank},
          {"target_modules", report.target_modules},
          {"trained_parameters", report.trained_parameters},
          {"noise_to_signal", report.noise_to_signal},
          {"reason", report.plan_reason}};
}

}  // namespace

Json ToJson(const TrainReport& report) {
  return {{"job_id", report.job_id},
          {"state", report.state},
          {"groups", report.groups},
          {"groups_retired", report.groups_retired},
          {"near_duplicates", report.near_duplicates},
          {"records", report.records},
          {"steps", report.steps},
          {"label_tokens", report.label_tokens},
          {"label_tokens_per_s", report.label_tokens_per_s},
          {"epsilon_spent", report.epsilon_spent},
          {"epsilon_left", report.epsilon_left},
          {"delta", report.delta},
          {"loss_train", report.loss_train},
          {"loss_holdout_before", report.loss_holdout_before},
          {"loss_holdout_after", report.loss_holdout_after},
          {"gate", report.gate},
          {"gate_epsilon", report.gate_epsilon},
          {"adapter_id", report.adapter_id},
          {"peak_rss_mb", report.peak_rss_mb},
          {"resumed_from_step", report.resumed_from_step},
          {"plan", PlanToJson(report)},
          {"privacy", ToJson(report.privacy)}};
}

std::string ProgressText(const TrainProgress& progress, bool dp) {
  std::string text = "loss " + ShortNumber(progress.loss) + ", " +
                     ShortNumber(progress.label_tokens_per_s) + " tokens/s";
  if (dp && progress.epsilon_spent.has_value()) {
    text += ", epsilon " + ShortNumber(*progress.epsilon_spent);
  }
  return text;
}

Result<TrainReport> RunTraining(Home& home, const TrainOptions& options, bool quiet) {
  CatchStopSignals();
  Progress bar("train", quiet);
  return home.Train(options, StopFlag(), [&bar, dp = options.dp](const TrainProgress& progress) {
    bar.Update(progress.step, progress.steps, ProgressText(progress, dp));
  });
}

}  // namespace selvedge::cli
