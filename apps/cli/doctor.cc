#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"

namespace selvedge::cli {
namespace {

Status Diagnose(Context& context, const ModelOptions& options) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string path, HomePath(context));
  SELVEDGE_ASSIGN_OR_RETURN(const KeySource key, Key(context));
  const std::vector<DoctorCheck> checks = Doctor(path, key, options.model);
  bool ok = true;
  Json list = Json::array();
  for (const DoctorCheck& check : checks) {
    // A condition that does not hold, or cannot be known here, makes training wait; nothing is
    // broken.
    if (!check.name.starts_with("condition ")) ok = ok && check.ok;
    list.push_back({{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  }
  context.out.Report({{"ok", ok}, {"checks", list}});
  return OkStatus();
}

}  // namespace

void AddDoctor(CommandLine* line) {
  auto options = std::make_shared<ModelOptions>();
  CLI::App* app = line->Add(
      nullptr, "doctor", "Check home, model, libraries and device, and say what to do.",
      "selvedge doctor", [options](Context& context) { return Diagnose(context, *options); });
  AddModelOption(app, options.get());
}

}  // namespace selvedge::cli
