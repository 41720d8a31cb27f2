#include "apps/cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>

#include <selvedge/machine.h>
#include <selvedge/selvedge.h>

#include "apps/cli/help.h"
#include "apps/cli/signals.h"

namespace selvedge::cli {
namespace {

// Levenshtein distance; the strings are option names, so the quadratic table is small.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

// The candidate nearest to `word`, or empty if none is near.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

// The innermost command that was named on the command line.
const CLI::App* Selected(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string CommandPath(const CLI::App* app) {
  std::string path = app->get_name();
  for (const CLI::App* up = app->get_parent(); up != nullptr; up = up->get_parent()) {
    path = up->get_name() + " " + path;
  }
  return path;
}

// Names of all options that `app` takes, its parents' included.
std::vector<std::string> FlagNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames())
        names.push_back(std::string("--").append(name));
    }
  }
  return names;
}

std::vector<std::string> CommandNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app->get_subcommands(nullptr)) names.push_back(sub->get_name());
  return names;
}

[[noreturn]] void Refuse(const std::string& option, const std::string& got,
                         const std::string& allowed) {
  throw CLI::ValidationError("option: " + option + ": '" + got + "', " + allowed);
}

// "--temp" of "-x,--temp,--temperature": the first long name, for messages.
std::string MainName(const std::string& names) {
  for (const std::string& name : SplitList(names, ',')) {
    if (name.starts_with("--")) return name;
  }
  return SplitList(names, ',').front();
}

template <typename T>
CLI::Option* AddNumber(CLI::App* app, const std::string& names, T* value, T low, T high,
                       Result<T> (*parse)(const std::string&), const std::string& allowed,
                       const std::string& type, const std::string& help) {
  const std::string name = MainName(names);
  const auto store = [=](const std::string& text) {
    const Result<T> parsed = parse(text);
    if (!parsed.ok() || !(*parsed >= low && *parsed <= high)) Refuse(name, text, allowed);
    *value = *parsed;
  };
  return app->add_option_function<std::string>(names, store, help)->type_name(type);
}

template <typename T>
Result<T> ParseWhole(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return UsageError("number: malformed or out of range");
  return value;
}

bool NamesJson(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc,
                     [](const char* argument) { return std::strcmp(argument, "--json") == 0; });
}

}  // namespace

CommandLine::CommandLine()
    : root_("On-device personalization: a frozen quantized model and private LoRA adapters.",
            "selvedge") {
  root_.formatter(std::make_shared<HelpFormatter>());
  root_.require_subcommand(0, 1);
  root_.set_help_flag("-h,--help", "Print this help and exit");
  root_.set_version_flag(
      "--version", [] { return VersionText(); }, "Print the version and exit");
  root_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  AddText(&root_, "--home", &context_.home, "DIR",
          "The encrypted home (default: $SELVEDGE_HOME, then selvedge in the XDG data folder)");
  AddText(&root_, "--key-file", &context_.key.key_file, "FILE",
          "Key of the home: 32 bytes or 64 hex digits (also $SELVEDGE_KEY_FILE)");
  AddText(&root_, "--passphrase-file", &context_.key.passphrase_file, "FILE",
          "Passphrase of the home: the file's first line (also $SELVEDGE_PASSPHRASE_FILE)");
  AddText(&root_, "--key-provider", &context_.key.provider, "keyring:NAME",
          "Key of the home in the kernel keyring (also $SELVEDGE_KEY_PROVIDER)");
  root_.add_flag("--json", context_.out.json, "One JSON object on stdout, nothing else there");
  root_.add_flag("--quiet", context_.out.quiet, "No progress and no notes on stderr");
  AddInt(&root_, "-t,--threads", &context_.threads, 0, 1024, "Threads (default: one per core)");
  for (CLI::Option* option : root_.get_options()) option->group("Global options");
}

CLI::App* CommandLine::Add(CLI::App* parent, const std::string& name,
                           const std::string& description, const std::string& example,
                           CommandBody body) {
  CLI::App* app = (parent == nullptr ? &root_ : parent)->add_subcommand(name, description);
  app->fallthrough();
  app->footer(example);
  commands_.emplace_back(app, std::move(body));
  return app;
}

CLI::App* CommandLine::AddGroup(const std::string& name, const std::string& description) {
  CLI::App* app = root_.add_subcommand(name, description);
  app->fallthrough();
  app->require_subcommand(0, 1);
  return app;
}

int CommandLine::Run(int argc, char** argv) {
  Status status;
  try {
    root_.parse(argc, argv);
    status = RunSelected();
  } catch (const CLI::CallForHelp&) {
    context_.out.Write(root_.help());
  } catch (const CLI::CallForVersion& version) {
    context_.out.Write(std::string(version.what()) + "\n");
  } catch (const CLI::ParseError& error) {
    context_.out.json = NamesJson(argc, argv);
    status = Explain(error);
  }
  if (status.ok()) return context_.out.Finish(0);
  if (context_.out.failed()) return context_.out.Finish(0);
  context_.out.Fail(status);
  const bool signalled = status.code() == StatusCode::kCancelled && StopExitCode() != 0;
  return context_.out.Finish(signalled ? StopExitCode() : ExitCode(status.code()));
}

Status CommandLine::RunSelected() {
  const CLI::App* selected = Selected(&root_);
  for (const auto& [app, body] : commands_) {
    if (app == selected) return body(context_);
  }
  std::string names;
  for (const std::string& name : CommandNames(selected)) names += (names.empty() ? "" : " ") + name;
  return UsageError("command: " + CommandPath(selected) + ": no command named, one of " + names);
}

Status CommandLine::Explain(const CLI::ParseError& error) const {
  const CLI::App* selected = Selected(&root_);
  const std::string help = ", see " + CommandPath(selected) + " --help";
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) {
    if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr)
      return UsageError(error.what());
    return UsageError("command: " + CommandPath(selected) + ": " + error.what() + help);
  }
  const std::vector<std::string> extras = root_.remaining(true);
  std::string extra = extras.empty() ? "" : extras.front();
  // A flag explains more than a stray word, but for a word where a command was to stand: what
  // follows it was not looked at.
  if (selected->get_subcommands(nullptr).empty()) {
    const auto flag = std::find_if(extras.begin(), extras.end(), [](const std::string& argument) {
      return argument.starts_with("-");
    });
    if (flag != extras.end()) extra = *flag;
  }
  const bool is_flag = extra.size() > 1 && extra[0] == '-';
  const std::string word = extra.substr(0, extra.find('='));
  const std::string nearest = Nearest(word, is_flag ? FlagNames(selected) : CommandNames(selected));
  const std::string hint = nearest.empty() ? help : ", did you mean '" + nearest + "'?";
  const char* what = is_flag ? "option: " : "argument: ";
  return UsageError(what + CommandPath(selected) + ": '" + word + "' is unknown" + hint);
}

CLI::Option* AddInt(CLI::App* app, const std::string& names, int64_t* value, int64_t low,
                    int64_t high, const std::string& help) {
  const std::string allowed =
      high == std::numeric_limits<int64_t>::max()
          ? "a whole number of at least " + std::to_string(low) + " is allowed"
          : "a whole number from " + std::to_string(low) + " to " + std::to_string(high) +
                " is allowed";
  return AddNumber<int64_t>(app, names, value, low, high, ParseInt, allowed, "N", help);
}

CLI::Option* AddReal(CLI::App* app, const std::string& names, double* value, double low,
                     double high, const std::string& help) {
  const std::string allowed =
      "a number from " + NumberText(low) + " to " + NumberText(high) + " is allowed";
  return AddNumber<double>(app, names, value, low, high, ParseReal, allowed, "X", help);
}

CLI::Option* AddSeed(CLI::App* app, const std::string& names, uint64_t* value,
                     const std::string& help) {
  return AddNumber<uint64_t>(app, names, value, 0, std::numeric_limits<uint64_t>::max(),
                             ParseWhole<uint64_t>, "a whole number below 2^64 is allowed", "N",
                             help);
}

CLI::Option* AddText(CLI::App* app, const std::string& names, std::string* value,
                     const std::string& type, const std::string& help) {
  return app->add_option(names, *value, help)->type_name(type);
}

CLI::Option* AddArgument(CLI::App* app, const std::string& name, std::string* value,
                         const std::string& help) {
  return AddText(app, name, value, name, help);
}

CLI::Option* AddChoice(CLI::App* app, const std::string& names, std::string* value,
                       const std::vector<std::string>& choices, const std::string& help) {
  std::string list;
  for (const std::string& choice : choices) list += (list.empty() ? "" : "|") + choice;
  const std::string name = MainName(names);
  const auto store = [=](const std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      Refuse(name, text, list + " are allowed");
    }
    *value = text;
  };
  return app->add_option_function<std::string>(names, store, help)->type_name(list);
}

CLI::Option* AddTexts(CLI::App* app, const std::string& names, std::vector<std::string>* values,
                      const std::string& type, const std::string& help) {
  return app->add_option(names, *values, help)
      ->type_name(type)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

Result<double> ParseReal(const std::string& text) { return ParseWhole<double>(text); }
Result<int64_t> ParseInt(const std::string& text) { return ParseWhole<int64_t>(text); }

std::vector<std::string> SplitList(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace selvedge::cli
