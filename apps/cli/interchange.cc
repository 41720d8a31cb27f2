// adapters export, import, merge and convert.

#include <memory>

#include <selvedge/adapters.h>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"

namespace selvedge::cli {
namespace {

Json ToJson(const InterchangeReport& report) {
  return {{"adapter_id", report.adapter_id},
          {"tensors", report.tensors},
          {"matched", report.matched},
          {"unmatched", report.unmatched},
          {"sha256", report.sha256},
          {"all_zero", report.all_zero}};
}

void NoteIfZero(const Context& context, const InterchangeReport& report) {
  if (!report.all_zero) return;
  context.out.Note("this adapter changes nothing: its products B A are all zero");
}

struct ExportFlags {
  std::string id;
  std::string format = "peft";
  std::string to;
  std::string out;
  bool i_understand = false;
};

ExportOptions OptionsOf(const ExportFlags& flags) {
  ExportOptions options;
  options.format = flags.format == "gguf"     ? AdapterFormat::kGguf
                   : flags.format == "bundle" ? AdapterFormat::kBundle
                                              : AdapterFormat::kPeft;
  options.allow_without_privacy = flags.i_understand;
  options.to = flags.to;
  return options;
}

Status Export(Context& context, const ExportFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const InterchangeReport report,
                            ExportAdapter(home, flags.id, flags.out, OptionsOf(flags)));
  context.out.Report(ToJson(report));
  return OkStatus();
}

Status Merge(Context& context, const ExportFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const InterchangeReport report,
                            MergeAdapter(home, flags.id, flags.out, OptionsOf(flags)));
  context.out.Report(ToJson(report));
  return OkStatus();
}

struct ImportFlags {
  std::string path;
  std::string trust;
};

Status Import(Context& context, const ImportFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const InterchangeReport report,
                            ImportAdapter(home, flags.path, {flags.trust}));
  NoteIfZero(context, report);
  context.out.Report(ToJson(report));
  return OkStatus();
}

struct ConvertFlags {
  ModelOptions model;
  std::string in;
  std::string out;
};

Status Convert(Context& context, const ConvertFlags& flags) {
  ModelOptions options = flags.model;
  options.adapter = "none";
  SELVEDGE_ASSIGN_OR_RETURN(const Serving serving, OpenServing(context, options));
  SELVEDGE_ASSIGN_OR_RETURN(const InterchangeReport report,
                            ConvertAdapter(*serving.engine, flags.in, flags.out));
  NoteIfZero(context, report);
  Json object = ToJson(report);
  object.erase("adapter_id");  // it is in no registry
  context.out.Report(object);
  return OkStatus();
}

void AddLeaving(CLI::App* app, ExportFlags* flags) {
  AddArgument(app, "ID", &flags->id, "The adapter")->required();
  app->add_flag("--i-understand", flags->i_understand,
                "Do it even for what was trained without differential privacy");
}

}  // namespace

void AddInterchange(CommandLine* line, CLI::App* group) {
  auto out = std::make_shared<ExportFlags>();
  CLI::App* app = line->Add(group, "export", "Write an adapter for other programs or homes.",
                            "selvedge adapters export a-1 --format gguf me.gguf",
                            [out](Context& context) { return Export(context, *out); });
  AddLeaving(app, out.get());
  AddArgument(app, "OUT", &out->out, "Folder (peft) or file to make")->required();
  AddChoice(app, "--format", &out->format, {"peft", "gguf", "bundle"},
            "PEFT folder, llama.cpp LoRA file, or signed file for another home (default peft)");
  AddText(app, "--to", &out->to, "PUBKEY",
          "Only the home with this key (`keys show`) can open the bundle");

  auto merged = std::make_shared<ExportFlags>();
  CLI::App* merge =
      line->Add(group, "merge", "Write the base model with an adapter in its weights.",
                "selvedge adapters merge a-1 -o mine.gguf",
                [merged](Context& context) { return Merge(context, *merged); });
  AddLeaving(merge, merged.get());
  AddText(merge, "-o,--out", &merged->out, "OUT", "GGUF file to make")->required();

  auto in = std::make_shared<ImportFlags>();
  CLI::App* take = line->Add(group, "import", "Take in an adapter that was made elsewhere.",
                             "selvedge adapters import me.gguf",
                             [in](Context& context) { return Import(context, *in); });
  AddArgument(take, "PATH", &in->path, "PEFT folder, GGUF LoRA file or bundle")->required();
  AddText(take, "--trust", &in->trust, "PUBKEY",
          "The home that signed the bundle (its `keys show`)");

  auto convert = std::make_shared<ConvertFlags>();
  CLI::App* turn = line->Add(group, "convert", "Turn a PEFT folder into a GGUF LoRA file, or back.",
                             "selvedge adapters convert peft-folder me.gguf",
                             [convert](Context& context) { return Convert(context, *convert); });
  AddArgument(turn, "IN", &convert->in, "PEFT folder or GGUF LoRA file")->required();
  AddArgument(turn, "OUT", &convert->out, "What to make")->required();
  AddModelOption(turn, &convert->model);
}

}  // namespace selvedge::cli
