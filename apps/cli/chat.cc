#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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

// No context holds more; what a line has beyond it is read and dropped.
constexpr size_t kMaxLineBytes = size_t{1} << 20;

// The lines of stdin.
class Lines {
 public:
  // The next one without its line break, of at most kMaxLineBytes + 1 bytes; false at the end or
  // after a stop signal.
  bool Next(std::string* line) {
    line->clear();
    while (StopExitCode() == 0) {
      if (next_ == end_ && !Read()) return !line->empty();
      const char* begin = buffer_.data() + next_;
      const char* stop = std::find(begin, static_cast<const char*>(buffer_.data()) + end_, '\n');
      const auto length = static_cast<size_t>(stop - begin);
      line->append(begin, std::min(length, kMaxLineBytes + 1 - line->size()));
      next_ += length;
      if (next_ == end_) continue;
      ++next_;
      return true;
    }
    return false;
  }

 private:
  // False at the end of stdin.
  bool Read() {
    const ssize_t n = read(STDIN_FILENO, buffer_.data(), buffer_.size());
    if (n < 0 && errno == EINTR) return true;
    next_ = 0;
    end_ = n > 0 ? static_cast<size_t>(n) : 0;
    return n > 0;
  }

  std::array<char, 1 << 14> buffer_;
  size_t next_ = 0;
  size_t end_ = 0;
};

// Forgets the oldest exchange, keeping the system message and the newest question. False when
// nothing is left to forget.
bool ForgetOldest(std::vector<ChatMessage>* messages) {
  const size_t first = !messages->empty() && messages->front().role == "system" ? 1 : 0;
  if (messages->size() <= first + 2) return false;
  const auto begin = messages->begin() + static_cast<std::ptrdiff_t>(first);
  messages->erase(begin, begin + 2);
  return true;
}

// Answers `line` and adds both to `messages`, which stay as they were if it fails.
Result<GenerateResult> Answer(Context& context, const Engine& engine,
                              const GenerateOptions& options, const std::string& line,
                              std::vector<ChatMessage>* messages) {
  if (line.size() > kMaxLineBytes) {
    return LimitError("chat: line: more than " + std::to_string(kMaxLineBytes) +
                      " bytes, at most that are read");
  }
  std::vector<ChatMessage> kept = *messages;
  kept.push_back({"user", line});
  bool forgot = false;
  for (;;) {
    Result<GenerateResult> result = engine.Chat(kept, options);
    if (result.ok()) {
      if (forgot) context.out.Note("the context was full: the oldest exchanges are forgotten");
      kept.push_back({"assistant", result->text});
      *messages = std::move(kept);
      return result;
    }
    if (result.status().code() != StatusCode::kLimit || !ForgetOldest(&kept)) return result;
    forgot = true;
  }
}

// What is wrong with a line alone; the chat goes on.
bool IsOfTheLine(const Status& status) {
  return status.code() == StatusCode::kLimit || status.code() == StatusCode::kFormat;
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
  options.kv_type = flags.model.kv_type;
  options.cancel = StopFlag();
  if (!context.out.json) {
    options.on_text = [&context](std::string_view piece) {
      context.out.Write(piece);
      return !context.out.failed();
    };
  }
  CatchStopSignals();
  SELVEDGE_RETURN_IF_ERROR(TakeUpPromptCache(context, flags.model, *serving.engine));
  std::vector<ChatMessage> messages;
  if (!flags.system.empty()) messages.push_back({"system", flags.system});
  const bool terminal = isatty(STDIN_FILENO) == 1;
  if (terminal) context.out.Note("An empty line or Ctrl-D ends the chat.");
  Lines lines;
  std::string line;
  while (!context.out.failed()) {
    if (terminal) context.out.Write("> ");
    if (!lines.Next(&line) || (terminal && line.empty())) break;
    if (line.empty()) continue;
    const Result<GenerateResult> result =
        Answer(context, *serving.engine, options, line, &messages);
    if (result.ok()) {
      Print(context, *result);
    } else if (IsOfTheLine(result.status())) {
      context.out.Fail(result.status());
    } else {
      return result.status();
    }
  }
  KeepPromptCache(context, flags.model, *serving.engine);
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
  AddKvType(app, &flags->model);
  AddPromptCache(app, &flags->model);
  AddGenerationFlags(app, &flags->generation);
}

}  // namespace selvedge::cli
