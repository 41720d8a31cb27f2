#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/input.h"
#include "apps/cli/opening.h"

namespace selvedge::cli {
namespace {

constexpr size_t kMostTextBytes = size_t{1} << 30;

struct EvalFlags {
  ModelOptions model;
  std::string text;
  bool lines = false;
  int64_t ctx = 0;
};

DocumentFormat FormatOf(const EvalFlags& flags) {
  if (flags.text.ends_with(".jsonl")) return DocumentFormat::kJsonl;
  return flags.lines ? DocumentFormat::kLines : DocumentFormat::kWhole;
}

Status Eval(Context& context, const EvalFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string data, ReadInput(flags.text, kMostTextBytes));
  EvalOptions options;
  SELVEDGE_ASSIGN_OR_RETURN(options.documents, SplitDocuments(data, FormatOf(flags)));
  options.n_ctx = flags.ctx;
  SELVEDGE_ASSIGN_OR_RETURN(Serving serving, OpenServing(context, flags.model));
  options.adapter = serving.adapter;
  options.lora = serving.lora;
  options.kv_type = flags.model.kv_type;
  SELVEDGE_ASSIGN_OR_RETURN(const EvalResult result, serving.engine->Eval(options));
  context.out.Report({{"documents", options.documents.size()},
                      {"tokens", result.tokens},
                      {"loss", result.loss},
                      {"ppl", result.ppl},
                      {"bits_per_byte", result.bits_per_byte},
                      {"top1", result.top1},
                      {"top3", result.top3},
                      {"words", result.words},
                      {"word_top1", result.word_top1},
                      {"word_top3", result.word_top3}});
  return OkStatus();
}

}  // namespace

void AddEval(CommandLine* line) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* app =
      line->Add(nullptr, "eval", "Perplexity and next-token and next-word accuracy on a text.",
                "selvedge eval --text letters.txt --ctx 512",
                [flags](Context& context) { return Eval(context, *flags); });
  AddText(app, "--text", &flags->text, "FILE",
          "One document, or with the ending .jsonl one per line's \"text\"; - is stdin")
      ->required();
  app->add_flag("--lines", flags->lines, "Each line of the file is a document of its own");
  AddInt(app, "-c,--ctx,--ctx-size", &flags->ctx, 0, int64_t{1} << 40,
         "Window in tokens (default: the model's context)");
  AddModelOption(app, &flags->model);
  AddKvType(app, &flags->model);
  AddAdapterOptions(app, &flags->model);
}

}  // namespace selvedge::cli
