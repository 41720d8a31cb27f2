#include <errno.h>
#include <unistd.h>

#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"
#include "apps/cli/sampling_options.h"
#include "apps/cli/signals.h"

namespace selvedge::cli {
namespace {

struct ChatFlags {
  ModelOptions model;
  GenerationFlags generation;
  std::string system;
};

// A line of stdin without its line break; false at the end or after a stop signal.
bool ReadLine(std::string* line) {
  line->clear();
  for (char c; StopExitCode() == 0;) {
    const ssize_t n = read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return !line->empty();
    if (c == '\n') return true;
    line->push_back(c);
  }
  return false;
}

// Forgets the oldest exchange, keeping the system message and the newest question. False when
// nothing is left to forget.
bool ForgetOldest(std::vector<ChatMessage>* messages) {
  const size_t first = !messages->empty() && messages->front().role == "system" ? 1 : 0;
  if (messages->size() <= first + 2) return false;
  const auto begin = messages->begin() + static_cast<std::ptrdiff_t>(first);
  messages->erase(begin, begin + 2);
  return true;
}

Result<GenerateResult> Answer(Context& context, const Engine& engine,
                              const GenerateOptions& options, std::vector<ChatMessage>* messages) {
  for (;;) {
    Result<GenerateResult> result = engine.Chat(*messages, options);
    if (result.ok() || result.status().code() != StatusCode::kLimit) return result;
    if (!ForgetOldest(messages)) return result;
    context.out.Note("the context is full: the oldest exchange is forgotten");
  }
}

void Print(Context& context, const GenerateResult& result) {
  if (!context.out.json) {
    context.out.Write("\n");
    return;
  }
  context.out.JsonLine({{"text", result.text},
                        {"prompt_tokens", result.prompt_tokens},
                        {"generated_tokens", result.generated_tokens},
                        {"tokens_per_s", result.tokens_per_s},
                        {"finish_reason", result.finish_reason},
                        {"adapter_ids", result.adapter_ids}});
}

Status Chat(Context& context, const ChatFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(GenerateOptions options, ToGenerateOptions(flags.generation));
  SELVEDGE_ASSIGN_OR_RETURN(Serving serving, OpenServing(context, flags.model));
  options.adapter = serving.adapter;
  options.lora = serving.lora;
  options.cancel = StopFlag();
  if (!context.out.json) {
    options.on_text = [&context](std::string_view piece) {
      context.out.Write(piece);
      return !context.out.failed();
    };
  }
  CatchStopSignals();
  std::vector<ChatMessage> messages;
  if (!flags.system.empty()) messages.push_back({"system", flags.system});
  const bool terminal = isatty(STDIN_FILENO) == 1;
  if (terminal) context.out.Note("An empty line or Ctrl-D ends the chat.");
  std::string line;
  while (!context.out.failed()) {
    if (terminal) context.out.Write("> ");
    if (!ReadLine(&line) || (terminal && line.empty())) break;
    if (line.empty()) continue;
    messages.push_back({"user", line});
    SELVEDGE_ASSIGN_OR_RETURN(const GenerateResult result,
                              Answer(context, *serving.engine, options, &messages));
    Print(context, result);
    messages.push_back({"assistant", result.text});
  }
  if (StopExitCode() != 0) return CancelledError("chat: stopped by a signal");
  return OkStatus();
}

}  // namespace

void AddChat(CommandLine* line) {
  auto flags = std::make_shared<ChatFlags>();
  CLI::App* app = line->Add(
      nullptr, "chat", "Talk with the model in the terminal; with --json one object per answer.",
      "selvedge chat --system \"You answer in one sentence.\"",
      [flags](Context& context) { return Chat(context, *flags); });
  AddText(app, "--system", &flags->system, "TEXT", "What the model is told first");
  AddModelOption(app, &flags->model);
  AddAdapterOptions(app, &flags->model);
  AddMemoryLimit(app, &flags->model);
  AddPower(app, &flags->model);
  AddHugePages(app, &flags->model, "auto");
  AddGenerationFlags(app, &flags->generation);
}

}  // namespace selvedge::cli
