// selvedge_home_*: a home, its consents, records and training.

#include <selvedge/home.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/utf8.h"
#include "sdk/c/boundary.h"

namespace selvedge::c {
namespace {

constexpr char kPersonalization[] = "personalization";

KeySource KeyOf(const selvedge_home_params& params) {
  return {TextOr(params.key_file, ""), TextOr(params.passphrase_file, ""),
          TextOr(params.key_provider, "")};
}

Status ReadHomeParams(const selvedge_home_params* given, selvedge_home_params* params) {
  *params = selvedge_home_default_params();
  SELVEDGE_RETURN_IF_ERROR(ReadParams(given, params));
  return NeedPointer(params->path, "params: path");
}

TrainOptions OptionsOf(const selvedge_train_params& p) {
  TrainOptions options;
  options.now = p.now;
  options.dp = p.dp;
  options.epsilon = p.epsilon;
  options.noise_multiplier = p.noise_multiplier;
  options.clip_norm = p.clip_norm;
  options.rank = p.rank;
  options.alpha = p.alpha;
  options.steps = p.steps;
  options.batch_size = p.batch_size;
  options.seq_len = p.seq_len;
  options.learning_rate = p.learning_rate;
  options.memory_limit_mb = p.memory_limit_mb;
  options.time_limit_s = p.time_limit_s;
  options.seed = p.seed;
  options.threads = p.threads;
  return options;
}

Status Train(selvedge_home& handle, const selvedge_train_params& params,
             selvedge_train_report* out) {
  handle.stop_training = false;
  const auto on_progress = [&](const TrainProgress& progress) {
    if (params.on_progress == nullptr) return;
    selvedge_train_progress shown{};
    shown.struct_size = sizeof shown;
    shown.step = progress.step;
    shown.steps = progress.steps;
    shown.loss = progress.loss;
    shown.label_tokens_per_s = progress.label_tokens_per_s;
    shown.epsilon_spent = progress.epsilon_spent.value_or(-1);
    if (!params.on_progress(&shown, params.user)) handle.stop_training = true;
  };
  SELVEDGE_ASSIGN_OR_RETURN(
      const TrainReport done,
      handle.home.Train(OptionsOf(params), &handle.stop_training, on_progress));
  selvedge_train_report report{};
  report.steps = done.steps;
  report.epsilon_spent = done.epsilon_spent;
  report.epsilon_left = done.epsilon_left;
  report.delta = done.delta;
  report.loss_holdout_before = done.loss_holdout_before;
  report.loss_holdout_after = done.loss_holdout_after;
  report.accepted = !done.adapter_id.empty();
  CopyText(done.adapter_id, report.adapter_id);
  return WriteReport(report, out);
}

Status StoreRecord(selvedge_home& handle, const char* source, const char* thread, const char* text,
                   selvedge_ingest_report* out) {
  // As one JSON line, so that line breaks belong to the record. What is not UTF-8 goes in as it is:
  // no JSON either, and so rejected.
  const std::string line =
      core::IsValidUtf8(text) ? nlohmann::json{{"text", text}}.dump() : std::string(text);
  SELVEDGE_ASSIGN_OR_RETURN(
      const IngestReport done,
      handle.home.Ingest(source, RecordFormat::kJsonl, line, TextOr(thread, "")));
  selvedge_ingest_report report{};
  report.added = done.added;
  report.duplicate = done.duplicate;
  report.redacted_spans = done.redacted_spans;
  report.rejected = static_cast<int64_t>(done.rejected.size());
  return WriteReport(report, out);
}

}  // namespace
}  // namespace selvedge::c

using namespace selvedge;     // NOLINT: the C functions below are the global namespace's
using namespace selvedge::c;  // NOLINT

extern "C" {

selvedge_home_params selvedge_home_default_params(void) {
  const HomeOptions defaults;
  selvedge_home_params params{};
  params.struct_size = sizeof params;
  params.unit = "record";
  params.epsilon_budget = defaults.epsilon_budget;
  params.delta = defaults.delta;
  return params;
}

selvedge_status selvedge_home_create(const selvedge_home_params* given, selvedge_home** home) {
  return Guarded([&]() -> Status {
    selvedge_home_params params;
    SELVEDGE_RETURN_IF_ERROR(ReadHomeParams(given, &params));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    HomeOptions options;
    options.path = params.path;
    options.key = KeyOf(params);
    options.model_path = TextOr(params.model_path, "");
    options.unit = TextOr(params.unit, "record");
    options.epsilon_budget = params.epsilon_budget;
    options.delta = params.delta;
    SELVEDGE_ASSIGN_OR_RETURN(Home made, Home::Create(options));
    *home = new selvedge_home(std::move(made));
    return OkStatus();
  });
}

selvedge_status selvedge_home_open(const selvedge_home_params* given, selvedge_home** home) {
  return Guarded([&]() -> Status {
    selvedge_home_params params;
    SELVEDGE_RETURN_IF_ERROR(ReadHomeParams(given, &params));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    SELVEDGE_ASSIGN_OR_RETURN(Home opened, Home::Open(params.path, KeyOf(params)));
    *home = new selvedge_home(std::move(opened));
    return OkStatus();
  });
}

void selvedge_home_close(selvedge_home* home) { delete home; }

selvedge_status selvedge_home_erase(const char* path) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(path, "path"));
    return EraseHome(path);
  });
}

selvedge_status selvedge_home_grant(selvedge_home* home, const char* source,
                                    int64_t retention_days) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(source, "source"));
    return home->home.Grant(source, kPersonalization, retention_days);
  });
}

selvedge_status selvedge_home_revoke(selvedge_home* home, const char* source) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(source, "source"));
    return home->home.Revoke(source, kPersonalization);
  });
}

selvedge_status selvedge_home_record(selvedge_home* home, const char* source, const char* thread,
                                     const char* text, selvedge_ingest_report* report) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(source, "source"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(text, "text"));
    return StoreRecord(*home, source, thread, text, report);
  });
}

selvedge_train_params selvedge_train_default_params(void) {
  const TrainOptions defaults;
  selvedge_train_params params{};
  params.struct_size = sizeof params;
  params.dp = defaults.dp;
  params.clip_norm = defaults.clip_norm;
  params.rank = defaults.rank;
  params.alpha = defaults.alpha;
  return params;
}

selvedge_status selvedge_home_train(selvedge_home* home, const selvedge_train_params* given,
                                    selvedge_train_report* report) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    selvedge_train_params params = selvedge_train_default_params();
    SELVEDGE_RETURN_IF_ERROR(ReadParams(given, &params));
    return Train(*home, params, report);
  });
}

void selvedge_home_stop_training(selvedge_home* home) {
  if (home != nullptr) home->stop_training = true;
}

selvedge_status selvedge_home_privacy(selvedge_home* home, selvedge_privacy_status* status) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(status, "status"));
    SELVEDGE_ASSIGN_OR_RETURN(const PrivacyStatus now, home->home.Privacy());
    selvedge_privacy_status shown{};
    shown.epsilon_budget = now.epsilon_budget;
    shown.epsilon_spent = now.epsilon_spent;
    shown.epsilon_left = now.epsilon_left;
    shown.delta = now.delta;
    shown.ledger_intact = now.ledger_intact;
    return WriteReport(shown, status);
  });
}

}  // extern "C"
