#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"

namespace selvedge::cli {
namespace {

struct DataFlags {
  std::string source;
  std::string id;
  std::string before;
  int64_t limit = 0;
  bool yes = false;
  bool reveal = false;
};

RecordFilter FilterOf(const DataFlags& flags) {
  RecordFilter filter;
  if (!flags.source.empty()) filter.source = flags.source;
  if (!flags.id.empty()) filter.id = flags.id;
  if (!flags.before.empty()) filter.before = flags.before;
  filter.limit = flags.limit;
  return filter;
}

Result<Json> StatsJson(const Home& home, const RecordFilter& filter) {
  SELVEDGE_ASSIGN_OR_RETURN(const DataStats stats, home.Stats(filter));
  Json by_source = Json::array();
  for (const DataStats::BySource& source : stats.by_source) {
    by_source.push_back(
        {{"source", source.source}, {"records", source.records}, {"bytes", source.bytes}});
  }
  return Json{{"records", stats.records}, {"bytes", stats.bytes}, {"by_source", by_source}};
}

Json RecordJson(const Record& record) {
  Json object = {{"id", record.id}, {"source", record.source}, {"ts", record.ts}};
  if (!record.thread.empty()) object["thread"] = record.thread;
  if (!record.role.empty()) object["role"] = record.role;
  object["text"] = record.text;
  return object;
}

Status Stats(Context& context, const DataFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const Json report, StatsJson(home, FilterOf(flags)));
  context.out.Report(report);
  return OkStatus();
}

Status List(Context& context, const DataFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  const RecordFilter filter = FilterOf(flags);
  SELVEDGE_ASSIGN_OR_RETURN(Json report, StatsJson(home, filter));
  SELVEDGE_ASSIGN_OR_RETURN(const auto records, home.Records(filter));
  Json items = Json::array();
  for (const Record& record : records) {
    items.push_back({{"id", record.id},
                     {"source", record.source},
                     {"ts", record.ts},
                     {"thread", record.thread},
                     {"role", record.role},
                     {"bytes", record.text.size()}});
  }
  report["items"] = items;
  context.out.Report(report);
  return OkStatus();
}

Status Show(Context& context, const DataFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const auto records, flags.reveal ? home.RevealedRecords(FilterOf(flags))
                                                             : home.Records(FilterOf(flags)));
  if (records.empty()) return NotFoundError("data: no record with this id");
  context.out.Report(RecordJson(records.front()));
  return OkStatus();
}

Status Export(Context& context, const DataFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const auto records, home.Records(FilterOf(flags)));
  if (records.empty() && !flags.id.empty()) {
    return NotFoundError("data export: no record with that id");
  }
  for (const Record& record : records) {
    if (context.out.failed()) break;
    context.out.JsonLine(RecordJson(record));
  }
  return OkStatus();
}

Status Delete(Context& context, const DataFlags& flags) {
  const Status everything = UsageError(
      "data delete: this deletes every record, --yes is needed, or --source, --id or --before");
  if (flags.source.empty() && flags.id.empty() && flags.before.empty() && !flags.yes) {
    return everything;
  }
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  if (!flags.yes && flags.id.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(const DataStats matching, home.Stats(FilterOf(flags)));
    SELVEDGE_ASSIGN_OR_RETURN(const DataStats all, home.Stats({}));
    if (all.records > 0 && matching.records == all.records) return everything;
  }
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t deleted, home.DeleteRecords(FilterOf(flags)));
  if (deleted == 0 && !flags.id.empty())
    return NotFoundError("data delete: no record with that id");
  Json report = {{"deleted", deleted}};
  SELVEDGE_ASSIGN_OR_RETURN(const Json left, StatsJson(home, {}));
  report.update(left);
  context.out.Report(report);
  return OkStatus();
}

void AddFilter(CLI::App* app, const std::shared_ptr<DataFlags>& flags) {
  AddText(app, "--source", &flags->source, "S", "Records of this source");
  AddText(app, "--id", &flags->id, "ID", "The record with this id");
  AddText(app, "--before", &flags->before, "DATE", "Records older than this, e.g. 2026-01-31");
}

}  // namespace

void AddData(CommandLine* line) {
  auto flags = std::make_shared<DataFlags>();
  CLI::App* group = line->AddGroup("data", "See, take away and delete the stored records.");
  CLI::App* stats =
      line->Add(group, "stats", "How many records of which source.", "selvedge data stats --json",
                [flags](Context& context) { return Stats(context, *flags); });
  CLI::App* list = line->Add(group, "list", "Records without their texts.",
                             "selvedge data list --source notes --limit 20",
                             [flags](Context& context) { return List(context, *flags); });
  AddInt(list, "--limit", &flags->limit, 1, int64_t{1} << 40, "At most this many");
  CLI::App* show = line->Add(group, "show", "One record with its text, as stored.",
                             "selvedge data show --id r-17",
                             [flags](Context& context) { return Show(context, *flags); });
  AddText(show, "--id", &flags->id, "ID", "The record")->required();
  show->add_flag("--reveal", flags->reveal,
                 "Put back what redaction replaced: names, addresses, phone numbers");
  CLI::App* take = line->Add(group, "export", "Write records as JSON lines to stdout.",
                             "selvedge data export --source notes > notes.jsonl",
                             [flags](Context& context) { return Export(context, *flags); });
  CLI::App* remove =
      line->Add(group, "delete", "Delete records; adapters that learned from them retire.",
                "selvedge data delete --source notes --before 2026-01-31",
                [flags](Context& context) { return Delete(context, *flags); });
  remove->add_flag("--yes", flags->yes, "Do it even when it deletes every record");
  for (CLI::App* app : {stats, list, take, remove}) AddFilter(app, flags);
}

}  // namespace selvedge::cli
