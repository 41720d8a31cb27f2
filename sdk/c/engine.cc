// selvedge_engine_*: generation and chat.

#include <cstdlib>
#include <utility>
#include <vector>

#include "sdk/c/boundary.h"

namespace selvedge::c {
namespace {

Result<GenerateOptions> OptionsOf(const selvedge_generate_params* given) {
  selvedge_generate_params p = selvedge_generate_default_params();
  SELVEDGE_RETURN_IF_ERROR(ReadParams(given, &p));
  GenerateOptions options;
  options.n_predict = p.n_predict;
  options.n_ctx = p.n_ctx;
  options.sampling.temperature = p.temperature;
  options.sampling.top_k = p.top_k;
  options.sampling.top_p = p.top_p;
  options.sampling.min_p = p.min_p;
  options.sampling.repeat_penalty = p.repeat_penalty;
  options.sampling.seed = p.seed;
  options.adapter = TextOr(p.adapter, "active");
  options.grammar = TextOr(p.grammar, "");
  options.json_schema = TextOr(p.json_schema, "");
  options.draft_max = p.draft_max;
  if (p.on_text != nullptr) {
    options.on_text = [on_text = p.on_text, user = p.user](std::string_view piece) {
      return on_text(piece.data(), piece.size(), user);
    };
  }
  return options;
}

Status Deliver(const GenerateResult& result, char** text, selvedge_generate_report* out) {
  if (text != nullptr) {
    char* copy = static_cast<char*>(std::malloc(result.text.size() + 1));
    if (copy == nullptr) return LimitError("memory: exhausted");
    std::memcpy(copy, result.text.c_str(), result.text.size() + 1);
    *text = copy;
  }
  selvedge_generate_report report{};
  report.prompt_tokens = result.prompt_tokens;
  report.generated_tokens = result.generated_tokens;
  report.tokens_per_s = result.tokens_per_s;
  report.first_token_ms = result.first_token_ms;
  CopyText(result.finish_reason, report.finish_reason);
  return WriteReport(report, out);
}

}  // namespace
}  // namespace selvedge::c

using namespace selvedge;     // NOLINT: the C functions below are the global namespace's
using namespace selvedge::c;  // NOLINT

extern "C" {

selvedge_status selvedge_engine_open(const char* model_path, int32_t threads,
                                     selvedge_engine** engine) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(engine, "engine"));
    SELVEDGE_ASSIGN_OR_RETURN(Engine opened, Engine::Open({TextOr(model_path, ""), threads}));
    *engine = new selvedge_engine{std::move(opened)};
    return OkStatus();
  });
}

void selvedge_engine_close(selvedge_engine* engine) { delete engine; }

selvedge_status selvedge_engine_attach_home(selvedge_engine* engine, selvedge_home* home) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(engine, "engine"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    return engine->engine.AttachHome(&home->home);
  });
}

selvedge_generate_params selvedge_generate_default_params(void) {
  const GenerateOptions defaults;
  selvedge_generate_params params{};
  params.struct_size = sizeof params;
  params.n_predict = defaults.n_predict;
  params.temperature = defaults.sampling.temperature;
  params.top_k = defaults.sampling.top_k;
  params.top_p = defaults.sampling.top_p;
  params.min_p = defaults.sampling.min_p;
  params.repeat_penalty = defaults.sampling.repeat_penalty;
  params.adapter = "active";
  params.draft_max = defaults.draft_max;
  return params;
}

selvedge_status selvedge_engine_generate(selvedge_engine* engine, const char* prompt,
                                         const selvedge_generate_params* params, char** text,
                                         selvedge_generate_report* report) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(engine, "engine"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(prompt, "prompt"));
    SELVEDGE_ASSIGN_OR_RETURN(GenerateOptions options, OptionsOf(params));
    options.prompt = prompt;
    SELVEDGE_ASSIGN_OR_RETURN(const GenerateResult result, engine->engine.Generate(options));
    return Deliver(result, text, report);
  });
}

selvedge_status selvedge_engine_chat(selvedge_engine* engine, const selvedge_message* messages,
                                     size_t count, const selvedge_generate_params* params,
                                     char** text, selvedge_generate_report* report) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(engine, "engine"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(messages, "messages"));
    std::vector<ChatMessage> chat;
    for (size_t i = 0; i < count; ++i) {
      SELVEDGE_RETURN_IF_ERROR(NeedPointer(messages[i].role, "message: role"));
      SELVEDGE_RETURN_IF_ERROR(NeedPointer(messages[i].content, "message: content"));
      chat.push_back({messages[i].role, messages[i].content});
    }
    SELVEDGE_ASSIGN_OR_RETURN(const GenerateOptions options, OptionsOf(params));
    SELVEDGE_ASSIGN_OR_RETURN(const GenerateResult result, engine->engine.Chat(chat, options));
    return Deliver(result, text, report);
  });
}

void selvedge_text_free(char* text) { std::free(text); }

}  // extern "C"
