#include "apps/cli/opening.h"

#include <cstdlib>
#include <filesystem>

namespace selvedge::cli {
namespace {

// Value of an environment variable; empty counts as not set.
std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Whether a command that names no adapter of a home can do without one: nobody named a home, and
// there is none at the usual place.
bool MayLackHome(const Context& context, const std::string& adapter, const Status& status) {
  if (!context.home.empty() || (adapter != "active" && adapter != "none")) return false;
  return status.code() == StatusCode::kNotFound || !HomePath(context).ok();
}

EngineOptions ToEngineOptions(const Context& context, const ModelOptions& options) {
  EngineOptions engine;
  engine.model_path = options.model;
  engine.threads = static_cast<int>(context.threads);
  engine.memory_limit_mb = options.memory_limit_mb;
  engine.huge_pages = options.huge_pages == "on"     ? HugePages::kOn
                      : options.huge_pages == "auto" ? HugePages::kAuto
                                                     : HugePages::kOff;
  engine.power = options.power == "performance" ? PowerMode::kPerformance
                 : options.power == "saver"     ? PowerMode::kSaver
                                                : PowerMode::kBalanced;
  return engine;
}

}  // namespace

Result<std::string> HomePath(const Context& context) {
  if (!context.home.empty()) return context.home;
  if (const std::string home = Environment("SELVEDGE_HOME"); !home.empty()) return home;
  const std::string data = Environment("XDG_DATA_HOME");
  if (!data.empty() && data.front() == '/') return data + "/selvedge";
  const std::string user = Environment("HOME");
  if (!user.empty() && user.front() == '/') return user + "/.local/share/selvedge";
  return UsageError("home: no place for it, set --home, SELVEDGE_HOME, XDG_DATA_HOME or HOME");
}

Result<KeySource> Key(const Context& context) {
  KeySource key = context.key;
  if (key.key_file.empty() && key.passphrase_file.empty() && key.provider.empty()) {
    key.key_file = Environment("SELVEDGE_KEY_FILE");
    key.passphrase_file = Environment("SELVEDGE_PASSPHRASE_FILE");
    key.provider = Environment("SELVEDGE_KEY_PROVIDER");
  }
  if (!key.key_file.empty() + !key.passphrase_file.empty() + !key.provider.empty() > 1) {
    return UsageError(
        "key: a key file, a passphrase file, a key provider: only one of them is allowed");
  }
  return key;
}

Result<Home> OpenHome(const Context& context) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string path, HomePath(context));
  SELVEDGE_ASSIGN_OR_RETURN(const KeySource key, Key(context));
  return Home::Open(path, key);
}

void AddModelOption(CLI::App* app, ModelOptions* options, const std::string& fallback) {
  AddText(app, "-m,--model", &options->model, "FILE",
          "Base model in GGUF (default: " + fallback + ")");
}

void AddAdapterOptions(CLI::App* app, ModelOptions* options) {
  AddText(app, "--adapter", &options->adapter, "ID|active|none",
          "Adapter of the home (default: the active one; none beside --lora)");
  AddTexts(app, "--lora", &options->lora, "FILE[=SCALE]",
           "LoRA adapter, GGUF file or PEFT folder; may be repeated");
}

void AddMemoryLimit(CLI::App* app, ModelOptions* options) {
  AddInt(app, "--memory-limit", &options->memory_limit_mb, 1, int64_t{1} << 30,
         "Refuse what would need more than this many MiB");
}

void AddPower(CLI::App* app, ModelOptions* options) {
  AddChoice(app, "--power", &options->power, {"performance", "balanced", "saver"},
            "Threads, and rests on a hot device (default balanced)");
}

void AddHugePages(CLI::App* app, ModelOptions* options, const std::string& initial) {
  options->huge_pages = initial;
  AddChoice(
      app, "--huge-pages", &options->huge_pages, {"auto", "on", "off"},
      "Weights in huge pages of their own, faster for a copy in memory (default " + initial + ")");
}

void AddKvType(CLI::App* app, ModelOptions* options) {
  AddChoice(app, "--kv-type", &options->kv_type, {"f16", "q8_0"},
            "Keep keys and values as f16 (default) or, in half the memory, as q8_0");
}

void AddPromptCache(CLI::App* app, ModelOptions* options) {
  app->add_flag("--prompt-cache", options->prompt_cache,
                "Keep what reading prompts gave in the home, encrypted, for the next call");
}

Result<std::vector<LoraFile>> ParseLora(const std::vector<std::string>& values) {
  std::vector<LoraFile> files;
  for (const std::string& value : values) {
    LoraFile file{value, 1};
    const size_t equals = value.rfind('=');
    if (equals != std::string::npos) {
      const Result<double> scale = ParseReal(value.substr(equals + 1));
      if (scale.ok()) file = {value.substr(0, equals), *scale};
    }
    if (file.path.empty())
      return UsageError("option: --lora: no file named, FILE[=SCALE] is needed");
    files.push_back(std::move(file));
  }
  return files;
}

Result<Serving> OpenServing(const Context& context, const ModelOptions& options) {
  Serving serving;
  SELVEDGE_ASSIGN_OR_RETURN(serving.lora, ParseLora(options.lora));
  serving.adapter = !options.adapter.empty() ? options.adapter
                    : serving.lora.empty()   ? "active"
                                             : "none";
  std::string model = options.model;
  // The home says which base model is meant, also when none of its adapters is wanted.
  if (serving.adapter != "none" || model.empty()) {
    Result<Home> home = OpenHome(context);
    if (!home.ok() && !MayLackHome(context, serving.adapter, home.status())) return home.status();
    if (home.ok()) {
      if (model.empty()) model = home->model_path();
      serving.home = std::make_unique<Home>(std::move(home).value());
    }
  }
  EngineOptions engine_options = ToEngineOptions(context, options);
  engine_options.model_path = model;
  SELVEDGE_ASSIGN_OR_RETURN(Engine engine, Engine::Open(engine_options));
  serving.engine = std::make_unique<Engine>(std::move(engine));
  if (serving.home == nullptr || serving.adapter == "none") return serving;
  if (!options.model.empty() && options.adapter.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, serving.engine->BaseDigest());
    if (digest != serving.home->info().base_digest) {
      context.out.Note("another base than the home's: its active adapter is not used");
      serving.adapter = "none";
      return serving;
    }
  }
  SELVEDGE_RETURN_IF_ERROR(serving.engine->AttachHome(serving.home.get()));
  return serving;
}

Status TakeUpPromptCache(const Context& context, const ModelOptions& options, Engine& engine) {
  if (!options.prompt_cache) return OkStatus();
  const Status taken = engine.LoadPromptCache().status();
  if (taken.ok() || taken.code() == StatusCode::kUsage) return taken;
  context.out.Note("the saved prompt cache is not used (" + taken.message() +
                   "), a new one will be saved");
  return OkStatus();
}

void KeepPromptCache(const Context& context, const ModelOptions& options, const Engine& engine) {
  if (!options.prompt_cache) return;
  const Status kept = engine.SavePromptCache().status();
  if (!kept.ok()) context.out.Note("the prompt cache is not saved (" + kept.message() + ")");
}

Result<Engine> OpenEngine(const Context& context, const ModelOptions& options) {
  return Engine::Open(ToEngineOptions(context, options));
}

}  // namespace selvedge::cli
