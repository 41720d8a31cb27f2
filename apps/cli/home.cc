#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/input.h"
#include "apps/cli/opening.h"

namespace selvedge::cli {
namespace {

constexpr size_t kMostIngestBytes = size_t{1} << 30;
constexpr char kPersonalization[] = "personalization";

struct InitFlags {
  ModelOptions model;
  HomeOptions home;
};

Status Init(Context& context, const InitFlags& flags) {
  HomeOptions options = flags.home;
  options.model_path = flags.model.model;
  SELVEDGE_ASSIGN_OR_RETURN(options.path, HomePath(context));
  SELVEDGE_ASSIGN_OR_RETURN(options.key, Key(context));
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, Home::Create(options));
  const HomeInfo info = home.info();
  context.out.Report({{"home", info.path},
                      {"base_digest", info.base_digest},
                      {"unit", info.unit},
                      {"epsilon_budget", info.epsilon_budget},
                      {"delta", info.delta},
                      {"cipher", info.cipher},
                      {"key_provider", info.key_provider},
                      {"schema_version", info.schema_version}});
  return OkStatus();
}

struct ConsentFlags {
  std::string source;
  std::string purpose = kPersonalization;
  std::string retention;
};

// "90d", "12w" or a plain number of days; 0 = no limit.
Result<int64_t> ParseRetention(const std::string& text) {
  if (text.empty()) return int64_t{0};
  const bool weeks = text.back() == 'w';
  const std::string number = weeks || text.back() == 'd' ? text.substr(0, text.size() - 1) : text;
  const Result<int64_t> count = ParseInt(number);
  constexpr int64_t kMostDays = 36500;
  const int64_t days = count.ok() && *count <= kMostDays ? *count * (weeks ? 7 : 1) : -1;
  if (days < 0 || days > kMostDays) {
    return UsageError("option: --retention: '" + text + "', days such as 90d up to 36500d, or 0");
  }
  return days;
}

Status ReportConsents(Context& context, const Home& home) {
  SELVEDGE_ASSIGN_OR_RETURN(const auto consents, home.Consents());
  Json sources = Json::array();
  for (const Consent& consent : consents) {
    sources.push_back({{"source", consent.source},
                       {"purpose", consent.purpose},
                       {"granted", consent.granted},
                       {"granted_at", consent.granted_at},
                       {"revoked_at", consent.revoked_at},
                       {"retention_days", consent.retention_days}});
  }
  context.out.Report({{"sources", sources}});
  return OkStatus();
}

Status Grant(Context& context, const ConsentFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t days, ParseRetention(flags.retention));
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_RETURN_IF_ERROR(home.Grant(flags.source, flags.purpose, days));
  return ReportConsents(context, home);
}

Status Revoke(Context& context, const ConsentFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_RETURN_IF_ERROR(home.Revoke(flags.source, flags.purpose));
  return ReportConsents(context, home);
}

Status ListConsents(Context& context) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  return ReportConsents(context, home);
}

struct RecordFlags {
  std::string source;
  std::string thread;
  std::string format;
  std::string file;
};

RecordFormat FormatOf(const RecordFlags& flags) {
  if (flags.format == "chat") return RecordFormat::kChat;
  if (flags.format == "jsonl") return RecordFormat::kJsonl;
  if (flags.format.empty() && flags.file.ends_with(".jsonl")) return RecordFormat::kJsonl;
  return RecordFormat::kText;
}

Status AddRecords(Context& context, const RecordFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string data, ReadInput(flags.file, kMostIngestBytes));
  SELVEDGE_ASSIGN_OR_RETURN(const IngestReport report,
                            home.Ingest(flags.source, FormatOf(flags), data, flags.thread));
  Json rejected = Json::array();
  for (const RejectedRecord& record : report.rejected) {
    rejected.push_back({{"line", record.line}, {"reason", record.reason}});
  }
  context.out.Report({{"added", report.added},
                      {"duplicate", report.duplicate},
                      {"redacted_spans", report.redacted_spans},
                      {"rejected", rejected}});
  return OkStatus();
}

void AddInit(CommandLine* line) {
  auto flags = std::make_shared<InitFlags>();
  CLI::App* app =
      line->Add(nullptr, "init", "Create the encrypted home and its lifetime privacy budget.",
                "selvedge init --passphrase-file pass.txt --epsilon 8",
                [flags](Context& context) { return Init(context, *flags); });
  AddModelOption(app, &flags->model, "the embedded one");
  AddChoice(app, "--unit", &flags->home.unit, {"record", "thread", "day"},
            "What one protected group is (default record)");
  AddReal(app, "--epsilon", &flags->home.epsilon_budget, 1e-6, 1e6,
          "Lifetime budget of every group (default 8)");
  AddReal(app, "--delta", &flags->home.delta, 1e-15, 0.1, "Delta of every claim (default 1e-5)");
}

void AddConsent(CommandLine* line) {
  auto flags = std::make_shared<ConsentFlags>();
  CLI::App* group = line->AddGroup("consent", "Say which sources may be stored and learned from.");
  CLI::App* grant = line->Add(group, "grant", "Allow a source.",
                              "selvedge consent grant --source notes --retention 90d",
                              [flags](Context& context) { return Grant(context, *flags); });
  CLI::App* revoke =
      line->Add(group, "revoke", "Forbid a source at once; adapters that learned from it retire.",
                "selvedge consent revoke --source notes",
                [flags](Context& context) { return Revoke(context, *flags); });
  line->Add(group, "list", "Sources with their consent.", "selvedge consent list --json",
            ListConsents);
  for (CLI::App* app : {grant, revoke}) {
    AddText(app, "--source", &flags->source, "S", "Name of the source")->required();
    AddText(app, "--purpose", &flags->purpose, "P", "Purpose (default personalization)");
  }
  AddText(grant, "--retention", &flags->retention, "DAYS",
          "Records expire after this, e.g. 90d (default: never)");
}

}  // namespace

void AddHome(CommandLine* line) {
  AddInit(line);
  AddConsent(line);
  auto flags = std::make_shared<RecordFlags>();
  CLI::App* app = line->Add(
      nullptr, "record", "Take in records of a source: consent, redaction, deduplication, storage.",
      "selvedge record --source notes notes.txt",
      [flags](Context& context) { return AddRecords(context, *flags); });
  AddText(app, "--source", &flags->source, "S", "Source with a consent")->required();
  AddText(app, "--thread", &flags->thread, "T", "Thread of the records that name none");
  AddChoice(
      app, "--format", &flags->format, {"text", "jsonl", "chat"},
      "One record per line; jsonl has \"text\" and may have ts, thread, role, id (default: by "
      "the file's ending)");
  AddArgument(app, "FILE", &flags->file, "The records; - is stdin")->required();
}

}  // namespace selvedge::cli
