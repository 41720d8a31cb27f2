#include "apps/cli/help.h"

#include <selvedge/machine.h>
#include <selvedge/selvedge.h>

namespace selvedge::cli {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kTextColumn = 26;

// Appends `text` from column `column` on, broken at spaces so that no line passes kColumns.
void AppendWrapped(std::string* out, size_t column, const std::string& text) {
  size_t at = out->size() - (out->rfind('\n') == std::string::npos ? 0 : out->rfind('\n') + 1);
  if (at > column && column > 0) {
    out->erase(out->find_last_not_of(' ') + 1);
    *out += "\n";
    at = 0;
  }
  out->append(column - at, ' ');
  at = column;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (at > column && at + 1 + word.size() > kColumns) {
      *out += "\n" + std::string(column, ' ');
      at = column;
    } else if (at > column) {
      *out += " ";
      ++at;
    }
    *out += word;
    at += word.size();
    begin = end + 1;
  }
  *out += "\n";
}

std::string OptionNames(const CLI::Option* option) {
  std::string names;
  for (const std::string& name : option->get_snames())
    names += (names.empty() ? "-" : ", -") + name;
  for (const std::string& name : option->get_lnames()) {
    names += (names.empty() ? "    --" : ", --") + name;
  }
  if (option->get_type_size() > 0) names += " " + option->get_type_name();
  return names;
}

std::string Usage(const CLI::App* app) {
  std::string path = app->get_name();
  for (const CLI::App* up = app->get_parent(); up != nullptr; up = up->get_parent()) {
    path = up->get_name() + " " + path;
  }
  std::string usage = "Usage: " + path;
  if (!app->get_subcommands(nullptr).empty()) usage += " COMMAND";
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_required() && !option->get_positional()) {
      usage += " " + option->get_name() + " " + option->get_type_name();
    }
  }
  usage += " [OPTIONS]";
  for (const CLI::Option* option : app->get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    usage += option->get_required() ? " " + name : " [" + name + "]";
  }
  return usage + "\n";
}

void AppendOptions(std::string* page, const CLI::App* app, bool positional,
                   const std::string& heading) {
  bool any = false;
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional() != positional || option->get_group().empty()) continue;
    if (!positional && app->get_parent() != nullptr && option == app->get_help_ptr()) continue;
    if (!any) *page += "\n" + heading + ":\n";
    any = true;
    *page += "  " + (positional ? option->get_name(true) : OptionNames(option)) + "  ";
    AppendWrapped(page, kTextColumn, option->get_description());
  }
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const {
  std::string page = Usage(app) + "\n";
  AppendWrapped(&page, 0, app->get_description());
  const auto commands = app->get_subcommands(nullptr);
  if (!commands.empty()) page += "\nCommands:\n";
  for (const CLI::App* command : commands) {
    page += "  " + command->get_name() + "  ";
    AppendWrapped(&page, kTextColumn, command->get_description());
  }
  AppendOptions(&page, app, true, "Arguments");
  AppendOptions(&page, app, false, app->get_parent() == nullptr ? "Global options" : "Options");
  if (!app->get_footer().empty()) page += "\nExample:\n  " + app->get_footer() + "\n";
  page += app->get_parent() == nullptr
              ? "\nEach command has its own help: selvedge COMMAND --help\n"
              : "\nGlobal options (--home, --json, --quiet, ...): selvedge --help\n";
  return page;
}

std::string VersionText() {
  return std::string("selvedge ") + Version() + " (" + Machine().isa + ")";
}

}  // namespace selvedge::cli
