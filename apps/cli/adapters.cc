#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"
#include "apps/cli/train_report.h"

namespace selvedge::cli {
namespace {

Json Brief(const AdapterInfo& adapter) {
  return {{"id", adapter.id},
          {"parent", adapter.parent},
          {"state", adapter.state},
          {"rank", adapter.rank},
          {"epsilon", adapter.dp ? Json(adapter.privacy.epsilon) : Json()},
          {"delta", adapter.dp ? Json(adapter.privacy.delta) : Json()},
          {"dp", adapter.dp},
          {"created", adapter.created},
          {"base_digest", adapter.base_digest},
          {"sha256", adapter.sha256},
          {"reason", adapter.reason}};
}

Json Full(const AdapterInfo& adapter) {
  Json object = Brief(adapter);
  object["alpha"] = adapter.alpha;
  object["target_modules"] = adapter.target_modules;
  object["privacy"] = ToJson(adapter.privacy);
  return object;
}

Status ReportList(Context& context, const Home& home) {
  SELVEDGE_ASSIGN_OR_RETURN(const auto adapters, home.Adapters());
  Json list = Json::array();
  for (const AdapterInfo& adapter : adapters) list.push_back(Brief(adapter));
  context.out.Report({{"adapters", list}});
  return OkStatus();
}

Status List(Context& context) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  return ReportList(context, home);
}

Status Show(Context& context, const std::string& id) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo adapter, home.Adapter(id));
  context.out.Report(Full(adapter));
  return OkStatus();
}

Status Use(Context& context, const std::string& id) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_RETURN_IF_ERROR(home.UseAdapter(id));
  return ReportList(context, home);
}

Status Rollback(Context& context) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_RETURN_IF_ERROR(home.RollbackAdapter().status());
  return ReportList(context, home);
}

Status Remove(Context& context, const std::string& id) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_RETURN_IF_ERROR(home.RemoveAdapter(id));
  return ReportList(context, home);
}

// One adapter, or all that may still be used. The first fault is the result.
Status Verify(Context& context, const std::string& id) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  std::vector<std::string> ids;
  if (!id.empty()) {
    ids.push_back(id);
  } else {
    SELVEDGE_ASSIGN_OR_RETURN(const auto adapters, home.Adapters());
    for (const AdapterInfo& adapter : adapters) {
      if (adapter.state == "active" || adapter.state == "available") ids.push_back(adapter.id);
    }
  }
  for (const std::string& each : ids) SELVEDGE_RETURN_IF_ERROR(home.VerifyAdapter(each));
  context.out.Report({{"ok", true}, {"verified", ids}});
  return OkStatus();
}

}  // namespace

void AddAdapters(CommandLine* line) {
  auto id = std::make_shared<std::string>();
  CLI::App* group = line->AddGroup("adapters", "The home's adapters.");
  line->Add(group, "list", "All adapters.", "selvedge adapters list --json", List);
  CLI::App* show = line->Add(group, "show", "One adapter with its privacy statement.",
                             "selvedge adapters show a-1",
                             [id](Context& context) { return Show(context, *id); });
  CLI::App* use =
      line->Add(group, "use", "Make an adapter the active one, or none.",
                "selvedge adapters use none", [id](Context& context) { return Use(context, *id); });
  line->Add(group, "rollback", "Go back to the adapter that was active before.",
            "selvedge adapters rollback", Rollback);
  CLI::App* remove =
      line->Add(group, "remove", "Delete an adapter's weights.", "selvedge adapters remove a-1",
                [id](Context& context) { return Remove(context, *id); });
  CLI::App* verify = line->Add(group, "verify", "Check signature, digests, base and weights.",
                               "selvedge adapters verify",
                               [id](Context& context) { return Verify(context, *id); });
  for (CLI::App* app : {show, use, remove}) {
    AddArgument(app, "ID", id.get(), "The adapter")->required();
  }
  AddArgument(verify, "ID", id.get(), "The adapter (default: all that can be used)");
  AddInterchange(line, group);
}

}  // namespace selvedge::cli
