#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"

namespace selvedge::cli {
namespace {

Status Rotate(Context& context, const KeySource& next) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  const bool own = next.key_file.empty() && next.passphrase_file.empty() && next.provider.empty();
  if (own && home.info().key_provider != "home-key-file") {
    return UsageError("keys rotate: the home is opened with a " + home.info().key_provider +
                      ", --new-key-file, --new-passphrase-file or --new-key-provider is needed");
  }
  SELVEDGE_RETURN_IF_ERROR(home.ChangeKey(next));
  context.out.Report({{"rotated", true}, {"key_provider", home.info().key_provider}});
  return OkStatus();
}

Status Show(Context& context) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  const HomeInfo info = home.info();
  context.out.Report({{"public_key", info.public_key}, {"key_provider", info.key_provider}});
  return OkStatus();
}

// Asks on a terminal; anything but "yes" is a no.
bool OwnerAgrees(const Context& context) {
  if (context.out.json || isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) return false;
  std::cerr << "This deletes the home, its records and its adapters for good. Type yes: ";
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "yes";
}

Status Wipe(Context& context, bool yes) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string path, HomePath(context));
  if (!yes && !OwnerAgrees(context)) {
    return UsageError("wipe: this deletes the home for good, --yes is needed");
  }
  SELVEDGE_RETURN_IF_ERROR(EraseHome(path));
  context.out.Report({{"wiped", true}});
  return OkStatus();
}

}  // namespace

void AddKeys(CommandLine* line) {
  auto next = std::make_shared<KeySource>();
  CLI::App* group = line->AddGroup("keys", "The home's keys.");
  line->Add(group, "show", "The public key, for `adapters export --to` and `import --trust`.",
            "selvedge keys show --json", Show);
  CLI::App* rotate = line->Add(group, "rotate",
                               "Put another key in force; by default a new one of the home's own.",
                               "selvedge keys rotate --new-passphrase-file pass.txt",
                               [next](Context& context) { return Rotate(context, *next); });
  AddText(rotate, "--new-key-file", &next->key_file, "FILE", "32 bytes or 64 hex digits");
  AddText(rotate, "--new-passphrase-file", &next->passphrase_file, "FILE",
          "The file's first line is the passphrase");
  AddText(rotate, "--new-key-provider", &next->provider, "keyring:NAME",
          "A key of the kernel keyring");
}

void AddWipe(CommandLine* line) {
  auto yes = std::make_shared<bool>(false);
  CLI::App* app = line->Add(
      nullptr, "wipe", "Delete the home for good: its key first, so that the rest is unreadable.",
      "selvedge wipe --yes", [yes](Context& context) { return Wipe(context, *yes); });
  app->add_flag("--yes", *yes, "Do it without asking");
}

}  // namespace selvedge::cli
