#include <selvedge/model_tools.h>

#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/input.h"
#include "apps/cli/opening.h"
#include "apps/cli/progress.h"
#include "apps/cli/signals.h"

namespace selvedge::cli {
namespace {

constexpr size_t kMostTextBytes = size_t{256} << 20;

struct ModelFlags {
  ModelOptions model;
  std::string positional;  // model info FILE
  std::string sha256;      // model verify
  std::string text;        // model tokenize
  std::string file;
  bool ids = false;
  bool add_bos = false;
  bool parse_special = false;
  std::string id_list;  // model logits
  std::vector<std::string> lora;
  bool all = false;
};

Result<Engine> Open(const Context& context, const ModelFlags& flags) {
  ModelOptions options = flags.model;
  if (!flags.positional.empty()) {
    if (!options.model.empty()) return UsageError("model: named twice, FILE or -m is allowed");
    options.model = flags.positional;
  }
  return OpenEngine(context, options);
}

Json InfoJson(const ModelInfo& info) {
  return {{"path", info.path},
          {"arch", info.arch},
          {"name", info.name},
          {"parameters", info.parameters},
          {"tensors", info.tensors},
          {"layers", info.layers},
          {"embedding_length", info.embedding_length},
          {"context_length", info.context_length},
          {"vocab_size", info.vocab_size},
          {"file_bytes", info.file_bytes},
          {"bytes_read_per_token", info.bytes_read_per_token},
          {"types", info.types}};
}

Status Info(Context& context, const ModelFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Engine engine, Open(context, flags));
  Json report = InfoJson(engine.info());
  SELVEDGE_ASSIGN_OR_RETURN(report["sha256"], engine.FileSha256());
  SELVEDGE_ASSIGN_OR_RETURN(report["base_digest"], engine.BaseDigest());
  context.out.Report(report);
  return OkStatus();
}

// Opening checks the whole header, every tensor's place and all scales and norms.
Status Verify(Context& context, const ModelFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Engine engine, Open(context, flags));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string sha256, engine.FileSha256());
  if (!flags.sha256.empty() && flags.sha256 != sha256) {
    return AuthError("model file: SHA-256: " + sha256 + ", " + flags.sha256 + " was expected");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, engine.BaseDigest());
  const ModelInfo info = engine.info();
  context.out.Report({{"ok", true},
                      {"arch", info.arch},
                      {"tensors", info.tensors},
                      {"file_bytes", info.file_bytes},
                      {"sha256", sha256},
                      {"base_digest", digest}});
  return OkStatus();
}

Result<std::vector<int32_t>> ParseIds(const std::string& list) {
  std::vector<int32_t> ids;
  for (const std::string& item : SplitList(list, ',')) {
    const Result<int64_t> id = ParseInt(item);
    if (!id.ok() || *id < 0 || *id > INT32_MAX) {
      return UsageError("option: --ids: '" + item + "', token ids separated by commas are allowed");
    }
    ids.push_back(static_cast<int32_t>(*id));
  }
  return ids;
}

Status Tokenize(Context& context, const ModelFlags& flags) {
  std::string text = flags.text;
  if (!flags.file.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(text, ReadInput(flags.file, kMostTextBytes));
  }
  SELVEDGE_ASSIGN_OR_RETURN(const Engine engine, Open(context, flags));
  SELVEDGE_ASSIGN_OR_RETURN(const auto ids,
                            engine.Tokenize(text, flags.add_bos, flags.parse_special));
  if (context.out.json) {
    context.out.Report({{"ids", ids}, {"tokens", ids.size()}});
    return OkStatus();
  }
  std::string lines;
  for (const int32_t id : ids) {
    lines += std::to_string(id);
    if (!flags.ids) {
      SELVEDGE_ASSIGN_OR_RETURN(const std::string piece, engine.Detokenize({id}));
      lines += "  " + JsonText(piece);
    }
    lines += "\n";
  }
  context.out.Write(lines);
  return OkStatus();
}

Status Logits(Context& context, const ModelFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const auto ids, ParseIds(flags.id_list));
  SELVEDGE_ASSIGN_OR_RETURN(const auto lora, ParseLora(flags.lora));
  SELVEDGE_ASSIGN_OR_RETURN(const Engine engine, Open(context, flags));
  SELVEDGE_ASSIGN_OR_RETURN(const auto logits, engine.Logits(ids, lora, flags.all));
  const size_t rows = flags.all ? ids.size() : 1;
  const size_t vocab = logits.size() / rows;
  if (context.out.json) {
    context.out.Report({{"rows", rows}, {"vocab", vocab}, {"logits", logits}});
    return OkStatus();
  }
  for (const float value : logits) context.out.Write(NumberText(value) + "\n");
  return OkStatus();
}

Status Quantize(Context& context, QuantizeOptions options) {
  options.threads = static_cast<int>(context.threads);
  CatchStopSignals();
  Progress bar("quantize", context.out.quiet);
  SELVEDGE_ASSIGN_OR_RETURN(
      const QuantizeReport report,
      QuantizeModel(options, StopFlag(), [&bar](uint64_t done, uint64_t total) {
        bar.Update(static_cast<int64_t>(done), static_cast<int64_t>(total), "");
      }));
  bar.Finish();
  context.out.Report({{"output", options.output},
                      {"type", options.type},
                      {"arch", report.arch},
                      {"tensors", report.tensors},
                      {"types", report.types},
                      {"input_bytes", report.input_bytes},
                      {"output_bytes", report.output_bytes},
                      {"sha256", report.sha256}});
  return OkStatus();
}

void AddQuantize(CommandLine* line, CLI::App* group) {
  auto flags = std::make_shared<QuantizeOptions>();
  CLI::App* app = line->Add(group, "quantize", "Write a model with fewer bits per weight.",
                            "selvedge model quantize --type q4_k_m f16.gguf q4.gguf",
                            [flags](Context& context) { return Quantize(context, *flags); });
  AddText(app, "--type", &flags->type, "TYPE",
          "q8_0, q6_k, q5_k_m, q4_k_m, q4_0, ... (default: q4_k_m)");
  AddArgument(app, "IN", &flags->input,
              "GGUF file or Hugging Face folder with F32, F16 or BF16 weights")
      ->required();
  AddArgument(app, "OUT", &flags->output, "The GGUF file to write")->required();
}

}  // namespace

void AddModel(CommandLine* line) {
  CLI::App* group = line->AddGroup("model", "Look into a base model, check it, quantize it.");
  auto flags = std::make_shared<ModelFlags>();
  CLI::App* info =
      line->Add(group, "info", "What a model file holds.", "selvedge model info m.gguf",
                [flags](Context& context) { return Info(context, *flags); });
  CLI::App* verify = line->Add(group, "verify", "Check a model file: structure, weights, digests.",
                               "selvedge model verify m.gguf",
                               [flags](Context& context) { return Verify(context, *flags); });
  AddText(verify, "--sha256", &flags->sha256, "HEX", "Digest that the file must have");
  CLI::App* tokenize =
      line->Add(group, "tokenize", "Token ids of a text.", "selvedge model tokenize \"Dear Ann,\"",
                [flags](Context& context) { return Tokenize(context, *flags); });
  CLI::Option* text = AddArgument(tokenize, "TEXT", &flags->text, "The text");
  AddText(tokenize, "--file", &flags->file, "FILE", "Read the text from a file; - is stdin")
      ->excludes(text);
  tokenize->add_flag("--ids", flags->ids, "Print the ids alone, without their pieces");
  tokenize->add_flag("--bos", flags->add_bos, "Put the model's start token in front");
  tokenize->add_flag("--parse-special", flags->parse_special,
                     "Special tokens written in the text are recognised");
  CLI::App* logits =
      line->Add(group, "logits", "Logits after given tokens, to check against other engines.",
                "selvedge model logits --ids 1,2,3 --json",
                [flags](Context& context) { return Logits(context, *flags); });
  AddText(logits, "--ids", &flags->id_list, "LIST", "Token ids separated by commas")->required();
  AddTexts(logits, "--lora", &flags->lora, "FILE[=SCALE]", "LoRA adapter; may be repeated");
  logits->add_flag("--all", flags->all, "Logits after every token, not only the last");
  AddQuantize(line, group);
  for (CLI::App* app : {info, verify}) {
    AddArgument(app, "FILE", &flags->positional, "The model (default: the embedded one)");
  }
  for (CLI::App* app : {info, verify, tokenize, logits}) {
    AddModelOption(app, &flags->model, "the embedded one");
  }
}

}  // namespace selvedge::cli
