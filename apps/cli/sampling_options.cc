#include "apps/cli/sampling_options.h"

#include <limits>

#include "apps/cli/command_line.h"
#include "apps/cli/input.h"

namespace selvedge::cli {
namespace {

constexpr size_t kMostGrammarBytes = size_t{1} << 20;

}  // namespace

void AddGenerationFlags(CLI::App* app, GenerationFlags* flags) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMostInt = std::numeric_limits<int32_t>::max();
  AddInt(app, "-n,--predict,--n-predict", &flags->n_predict, -1, kMost,
         "Tokens to generate at most; -1 = to the end (default 128)");
  AddInt(app, "-c,--ctx-size", &flags->n_ctx, 0, kMost, "Context in tokens; 0 = the model's");
  AddReal(app, "--temp,--temperature", &flags->temperature, 0, 100,
          "Temperature; 0 = always the likeliest token (default 0.8)");
  AddInt(app, "--top-k", &flags->top_k, 0, kMostInt, "Keep the K likeliest; 0 = all (default 40)");
  AddReal(app, "--top-p", &flags->top_p, 0, 1, "Keep this probability mass (default 0.95)");
  AddReal(app, "--min-p", &flags->min_p, 0, 1,
          "Drop tokens below this share of the likeliest (default 0.05)");
  AddReal(app, "--repeat-penalty", &flags->repeat_penalty, 0.01, 100,
          "Penalty on repeated tokens; 1 = off (default 1)");
  AddInt(app, "--repeat-last-n", &flags->repeat_last_n, -1, kMostInt,
         "Tokens the penalty looks back on; -1 = all (default 64)");
  AddSeed(app, "-s,--seed", &flags->seed, "Seed of the draws; 0 = a new one each time");
  app->add_flag("--ignore-eos", flags->ignore_eos, "Go on past the end of the text");
  AddInt(
      app, "--draft-max", &flags->draft_max, 0, 31,
      "Tokens guessed from repeated text and checked at once; 0 = none. The text stays the same");
  app->add_flag("--context-shift", flags->context_shift,
                "When the context is full, forget its older half and go on");
  AddInt(app, "--keep", &flags->keep, -1, kMost,
         "Tokens of the beginning that a shift keeps; -1 = the prompt (default 4)");
  AddTexts(app, "--stop,-r,--reverse-prompt", &flags->stop, "TEXT",
           "End before this text; may be repeated");
  CLI::Option* grammar = AddText(app, "--grammar,--grammar-file", &flags->grammar_file, "FILE",
                                 "Keep to the grammar in this file (GBNF)");
  AddText(app, "--json-schema,--json-schema-file", &flags->schema_file, "FILE",
          "Write JSON that the JSON Schema in this file allows")
      ->excludes(grammar);
}

Result<GenerateOptions> ToGenerateOptions(const GenerationFlags& flags) {
  GenerateOptions options;
  options.n_predict = flags.n_predict;
  options.n_ctx = flags.n_ctx;
  options.sampling.temperature = flags.temperature;
  options.sampling.top_k = static_cast<int>(flags.top_k);
  options.sampling.top_p = flags.top_p;
  options.sampling.min_p = flags.min_p;
  options.sampling.repeat_penalty = flags.repeat_penalty;
  options.sampling.repeat_last_n = static_cast<int>(flags.repeat_last_n);
  options.sampling.seed = flags.seed;
  options.ignore_eos = flags.ignore_eos;
  options.draft_max = static_cast<int>(flags.draft_max);
  options.context_shift = flags.context_shift;
  options.n_keep = flags.keep;
  options.stop = flags.stop;
  if (!flags.grammar_file.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(options.grammar, ReadInput(flags.grammar_file, kMostGrammarBytes));
    if (options.grammar.empty()) return FormatError("option: --grammar: the file is empty");
  }
  if (!flags.schema_file.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(options.json_schema, ReadInput(flags.schema_file, kMostGrammarBytes));
    if (options.json_schema.empty()) return FormatError("option: --json-schema: the file is empty");
  }
  return options;
}

}  // namespace selvedge::cli
