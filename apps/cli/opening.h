#pragma once
// Opens what a command works on, from the global options and the environment.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/home.h>

#include "apps/cli/command_line.h"

namespace selvedge::cli {

// --home, else $SELVEDGE_HOME, else $XDG_DATA_HOME/selvedge (ignored when relative), else
// ~/.local/share/selvedge. kUsage when none of them is set.
Result<std::string> HomePath(const Context& context);

// --key-file, --passphrase-file or --key-provider, else $SELVEDGE_KEY_FILE,
// $SELVEDGE_PASSPHRASE_FILE or $SELVEDGE_KEY_PROVIDER. kUsage for two at once.
Result<KeySource> Key(const Context& context);

Result<Home> OpenHome(const Context& context);

// Options of every command that runs a model.
struct ModelOptions {
  std::string model;              // -m
  std::string adapter;            // --adapter; empty = "active", or "none" beside --lora
  std::vector<std::string> lora;  // FILE[=SCALE]
  int64_t memory_limit_mb = 0;    // --memory-limit
  std::string huge_pages = "off";
  std::string power = "balanced";
  std::string kv_type = "f16";    // --kv-type
  bool prompt_cache = false;      // --prompt-cache
};
// `fallback` says in the help which model is used without the flag.
void AddModelOption(CLI::App* app, ModelOptions* options,
                    const std::string& fallback = "the home's, then the embedded one");
void AddAdapterOptions(CLI::App* app, ModelOptions* options);
void AddMemoryLimit(CLI::App* app, ModelOptions* options);
void AddPower(CLI::App* app, ModelOptions* options);
// `initial` is what holds without the flag: where weights lie pays for programs that run long.
void AddHugePages(CLI::App* app, ModelOptions* options, const std::string& initial);
void AddKvType(CLI::App* app, ModelOptions* options);
void AddPromptCache(CLI::App* app, ModelOptions* options);

// FILE[=SCALE]; the part after the last '=' counts only if it is a number.
Result<std::vector<LoraFile>> ParseLora(const std::vector<std::string>& values);

// An engine and the home whose adapters it serves, in the order in which they must end.
struct Serving {
  std::unique_ptr<Home> home;  // null: no home, or none wanted
  std::unique_ptr<Engine> engine;
  std::string adapter;
  std::vector<LoraFile> lora;
};

// Without -m the home's model is used, and without a home the embedded one. A home that is not
// there is an error only when an adapter id asks for it.
Result<Serving> OpenServing(const Context& context, const ModelOptions& options);

// With --prompt-cache: takes up what was saved in the home, and saves it. A cache that cannot be
// read or written costs time only: that is said in one line. kUsage without a home.
Status TakeUpPromptCache(const Context& context, const ModelOptions& options, Engine& engine);
void KeepPromptCache(const Context& context, const ModelOptions& options, const Engine& engine);

// The model alone, no home.
Result<Engine> OpenEngine(const Context& context, const ModelOptions& options);

}  // namespace selvedge::cli
