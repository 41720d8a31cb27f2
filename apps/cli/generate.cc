#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/input.h"
#include "apps/cli/opening.h"
#include "apps/cli/sampling_options.h"
#include "apps/cli/signals.h"

namespace selvedge::cli {
namespace {

// Prompts from files end here; the engine's own limit is the context.
constexpr size_t kMostPromptBytes = size_t{256} << 20;

struct GenerateFlags {
  ModelOptions model;
  GenerationFlags generation;
  std::string prompt;
  std::string file;
  bool parse_special = false;
};

Json ToJson(const GenerateResult& result) {
  return {{"text", result.text},
          {"prompt_tokens", result.prompt_tokens},
          {"cached_tokens", result.cached_tokens},
          {"generated_tokens", result.generated_tokens},
          {"prompt_tokens_per_s", result.prompt_tokens_per_s},
          {"tokens_per_s", result.tokens_per_s},
          {"drafted_tokens", result.drafted_tokens},
          {"accepted_tokens", result.accepted_tokens},
          {"first_token_ms", result.first_token_ms},
          {"finish_reason", result.finish_reason},
          {"context_full", result.context_full},
          {"context_shifts", result.context_shifts},
          {"adapter_ids", result.adapter_ids}};
}

std::string Summary(const GenerateResult& result) {
  std::string text = std::to_string(result.generated_tokens) + " tokens, " +
                     ShortNumber(result.tokens_per_s) + " tokens/s, first token after " +
                     ShortNumber(result.first_token_ms) + " ms, end: " + result.finish_reason;
  if (result.context_full) text += " (the context is full)";
  if (result.context_shifts > 0) {
    text += ", context shifts: " + std::to_string(result.context_shifts);
  }
  for (const std::string& id : result.adapter_ids) text += ", adapter " + id;
  return text;
}

Status Generate(Context& context, const GenerateFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(GenerateOptions options, ToGenerateOptions(flags.generation));
  options.prompt = flags.prompt;
  options.parse_special = flags.parse_special;
  options.cancel = StopFlag();
  if (!flags.file.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(options.prompt, ReadInput(flags.file, kMostPromptBytes));
  }
  SELVEDGE_ASSIGN_OR_RETURN(Serving serving, OpenServing(context, flags.model));
  options.adapter = serving.adapter;
  options.lora = serving.lora;
  options.kv_type = flags.model.kv_type;
  if (!context.out.json) {
    options.on_text = [&context](std::string_view piece) {
      context.out.Write(piece);
      return !context.out.failed();
    };
  }
  CatchStopSignals();
  SELVEDGE_RETURN_IF_ERROR(TakeUpPromptCache(context, flags.model, *serving.engine));
  SELVEDGE_ASSIGN_OR_RETURN(const GenerateResult result, serving.engine->Generate(options));
  KeepPromptCache(context, flags.model, *serving.engine);
  if (context.out.json) {
    if (StopExitCode() == 0) context.out.Report(ToJson(result));
  } else {
    context.out.Write("\n");
    context.out.Note(Summary(result));
  }
  if (StopExitCode() != 0) return CancelledError("generate: stopped by a signal");
  return OkStatus();
}

}  // namespace

void AddGenerate(CommandLine* line) {
  auto flags = std::make_shared<GenerateFlags>();
  CLI::App* app = line->Add(nullptr, "generate", "Continue a prompt, printing it as it comes.",
                            "selvedge generate -p \"Dear Ann,\" -n 64",
                            [flags](Context& context) { return Generate(context, *flags); });
  CLI::Option* prompt = AddText(app, "-p,--prompt", &flags->prompt, "TEXT", "The text to continue");
  AddText(app, "-f,--file", &flags->file, "FILE", "Read the prompt from a file; - is stdin")
      ->excludes(prompt);
  AddModelOption(app, &flags->model);
  AddAdapterOptions(app, &flags->model);
  AddMemoryLimit(app, &flags->model);
  AddPower(app, &flags->model);
  AddHugePages(app, &flags->model, "off");
  AddKvType(app, &flags->model);
  AddGenerationFlags(app, &flags->generation);
  app->add_flag("--parse-special", flags->parse_special,
                "Special tokens written in the prompt are recognised");
  AddPromptCache(app, &flags->model);
}

}  // namespace selvedge::cli
