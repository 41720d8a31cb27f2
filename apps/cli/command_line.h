#pragma once
// The command line: global options, typed options and the dispatch to commands.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "apps/cli/output.h"

namespace selvedge::cli {

// What every command gets: the global options and where its output goes.
struct Context {
  Output out;
  std::string home;  // --home as given; empty = see HomePath
  KeySource key;     // --key-file, --passphrase-file, --key-provider as given; empty = see Key
  int64_t threads = 0;
};

using CommandBody = std::function<Status(Context&)>;

class CommandLine {
 public:
  CommandLine();

  // A command below `parent` (the root if null); `example` is one command line for its help.
  CLI::App* Add(CLI::App* parent, const std::string& name, const std::string& description,
                const std::string& example, CommandBody body);
  // A name that only groups commands.
  CLI::App* AddGroup(const std::string& name, const std::string& description);

  // Parses, runs the command and returns the exit code of the process.
  int Run(int argc, char** argv);

 private:
  Status RunSelected();
  Status Explain(const CLI::ParseError& error) const;

  CLI::App root_;
  Context context_;
  std::vector<std::pair<CLI::App*, CommandBody>> commands_;
};

// Options whose whole argument must be a number in [low, high], in the C locale. Anything else is
// a usage error that names the option.
CLI::Option* AddInt(CLI::App* app, const std::string& names, int64_t* value, int64_t low,
                    int64_t high, const std::string& help);
CLI::Option* AddReal(CLI::App* app, const std::string& names, double* value, double low,
                     double high, const std::string& help);
CLI::Option* AddSeed(CLI::App* app, const std::string& names, uint64_t* value,
                     const std::string& help);
CLI::Option* AddText(CLI::App* app, const std::string& names, std::string* value,
                     const std::string& type, const std::string& help);
// A value without a flag, called `name` in the help and in messages.
CLI::Option* AddArgument(CLI::App* app, const std::string& name, std::string* value,
                         const std::string& help);
// One of `choices`.
CLI::Option* AddChoice(CLI::App* app, const std::string& names, std::string* value,
                       const std::vector<std::string>& choices, const std::string& help);
// May be repeated, one value each time.
CLI::Option* AddTexts(CLI::App* app, const std::string& names, std::vector<std::string>* values,
                      const std::string& type, const std::string& help);

// Strict numbers for option values that hold more than a number (FILE=SCALE, q,s,n, 90d).
Result<double> ParseReal(const std::string& text);
Result<int64_t> ParseInt(const std::string& text);
std::vector<std::string> SplitList(const std::string& text, char separator);

}  // namespace selvedge::cli
