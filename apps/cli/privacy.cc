#include <memory>

#include <selvedge/adapters.h>
#include <selvedge/privacy.h>

#include "apps/cli/burn_down.h"
#include "apps/cli/commands.h"
#include "apps/cli/input.h"
#include "apps/cli/opening.h"
#include "apps/cli/train_report.h"

namespace selvedge::cli {
namespace {

constexpr size_t kMostTextBytes = size_t{256} << 20;
constexpr size_t kMostReceiptBytes = size_t{1} << 20;
constexpr int64_t kMostSteps = 1'000'000'000;

struct CalculatorFlags {
  MechanismEvent event;
  std::vector<std::string> compose;
  double delta = 0;
  double epsilon = 0;
  std::string accountant = "best";
};

Accountant AccountantOf(const std::string& name) {
  return name == "pld" ? Accountant::kPld : name == "rdp" ? Accountant::kRdp : Accountant::kBest;
}

// "q,s,n": sampling rate, noise multiplier, steps.
Result<MechanismEvent> ParseEvent(const std::string& text) {
  const auto parts = SplitList(text, ',');
  if (parts.size() == 3) {
    const auto rate = ParseReal(parts[0]);
    const auto noise = ParseReal(parts[1]);
    const auto steps = ParseInt(parts[2]);
    if (rate.ok() && noise.ok() && steps.ok()) return MechanismEvent{*rate, *noise, *steps};
  }
  return UsageError("option: --compose: '" + text +
                    "', SAMPLING_RATE,NOISE_MULTIPLIER,STEPS are allowed");
}

Status Epsilon(Context& context, const CalculatorFlags& flags, bool has_event) {
  std::vector<MechanismEvent> events;
  if (has_event) events.push_back(flags.event);
  for (const std::string& text : flags.compose) {
    SELVEDGE_ASSIGN_OR_RETURN(const MechanismEvent event, ParseEvent(text));
    events.push_back(event);
  }
  if (events.empty()) {
    return UsageError("privacy epsilon: no mechanism, --noise-multiplier or --compose is needed");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const double epsilon,
                            ComputeEpsilon(events, flags.delta, AccountantOf(flags.accountant)));
  context.out.Report(
      {{"epsilon", epsilon}, {"delta", flags.delta}, {"accountant", flags.accountant}});
  return OkStatus();
}

Status Noise(Context& context, const CalculatorFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(
      const double noise,
      ComputeNoiseMultiplier(flags.epsilon, flags.delta, flags.event.sampling_rate,
                             flags.event.steps, AccountantOf(flags.accountant)));
  context.out.Report({{"noise_multiplier", noise},
                      {"epsilon", flags.epsilon},
                      {"delta", flags.delta},
                      {"accountant", flags.accountant}});
  return OkStatus();
}

Json BlocksJson(const PrivacyStatus& status) {
  Json blocks = Json::array();
  for (const BudgetBlock& block : status.blocks) {
    blocks.push_back({{"arrived", block.arrived},
                      {"groups", block.groups},
                      {"retired", block.retired},
                      {"epsilon_least", block.epsilon_least},
                      {"epsilon_spent", block.epsilon_spent}});
  }
  return blocks;
}

Json BurnDownJson(const PrivacyStatus& status) {
  Json points = Json::array();
  for (const BurnDownPoint& point : status.burn_down) {
    points.push_back({{"at", point.at}, {"epsilon_left", point.epsilon_left}});
  }
  return points;
}

Status Ledger(Context& context, const std::string& svg) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const PrivacyStatus status, home.Privacy());
  Json releases = Json::array();
  for (const Release& release : status.releases) {
    releases.push_back({{"job_id", release.job_id},
                        {"adapter_id", release.adapter_id},
                        {"sampling_rate", release.sampling_rate},
                        {"noise_multiplier", release.noise_multiplier},
                        {"steps", release.steps},
                        {"groups", release.groups},
                        {"epsilon", release.epsilon},
                        {"judges", release.judges},
                        {"gate_epsilon", release.gate_epsilon},
                        {"at", release.at}});
  }
  if (!svg.empty()) SELVEDGE_RETURN_IF_ERROR(WriteOutputFile(svg, BurnDownSvg(status)));
  Json report = {{"unit", status.unit},
                 {"epsilon_budget", status.epsilon_budget},
                 {"epsilon_spent", status.epsilon_spent},
                 {"epsilon_left", status.epsilon_left},
                 {"delta", status.delta},
                 {"groups", status.groups},
                 {"groups_retired", status.groups_retired},
                 {"ledger_intact", status.ledger_intact},
                 {"releases", releases},
                 {"blocks", BlocksJson(status)}};
  if (context.out.json) report["burn_down"] = BurnDownJson(status);
  if (!status.ledger_intact) report["ledger_problem"] = status.ledger_problem;
  context.out.Report(report);
  if (!context.out.json) context.out.Write(BurnDownText(status, OutputWidth()));
  return OkStatus();
}

struct VerifyFlags {
  std::string receipt = "-";
  ReceiptChecks checks;
};

Status Verify(Context& context, const VerifyFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.receipt, kMostReceiptBytes));
  SELVEDGE_ASSIGN_OR_RETURN(const ReceiptReport report, VerifyReceipt(text, flags.checks));
  context.out.Note(Describe(report.privacy));
  context.out.Report({{"verified", true},
                      {"adapter_id", report.adapter_id},
                      {"created", report.created},
                      {"base_digest", report.base_digest},
                      {"weights_sha256", report.weights_sha256},
                      {"adapter_checked", report.adapter_checked},
                      {"public_key", report.public_key},
                      {"epsilon", report.privacy.epsilon},
                      {"epsilon_recomputed", report.epsilon_recomputed},
                      {"epsilon_lower", report.epsilon_lower},
                      {"epsilon_budget", report.epsilon_budget},
                      {"delta", report.privacy.delta},
                      {"judges", report.judges},
                      {"gate_epsilon", report.gate_epsilon},
                      {"ledger_rows", report.ledger_rows},
                      {"ledger_head", report.ledger_head},
                      {"privacy", ToJson(report.privacy)}});
  return OkStatus();
}

Status Receipt(Context& context, const std::string& id) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string text, AdapterReceipt(home, id));
  if (context.out.json) {
    context.out.Report({{"adapter_id", id}, {"receipt", text}});
  } else {
    context.out.Write(text);
  }
  return OkStatus();
}

void AddReceipts(CommandLine* line, CLI::App* group) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* verify = line->Add(
      group, "verify", "Check an adapter's receipt without its home: signature, epsilon, files.",
      "selvedge privacy verify receipt.json --adapter my-adapter",
      [flags](Context& context) { return Verify(context, *flags); });
  AddArgument(verify, "RECEIPT", &flags->receipt, "The receipt; - or nothing is stdin");
  AddText(verify, "--adapter", &flags->checks.adapter_folder, "DIR",
          "Also check that the receipt is for this adapter (PEFT folder)");
  AddText(verify, "--public-key", &flags->checks.public_key, "HEX",
          "The key that must have signed it (default: any, and it is named)");
  auto id = std::make_shared<std::string>();
  CLI::App* receipt = line->Add(group, "receipt", "Print the receipt of an adapter.",
                                "selvedge privacy receipt ID > receipt.json",
                                [id](Context& context) { return Receipt(context, *id); });
  AddArgument(receipt, "ID", id.get(), "The adapter")->required();
}

struct RedactFlags {
  std::string file = "-";
  bool spans = false;
  std::string rules;
};

Status RedactFile(Context& context, const RedactFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.file, kMostTextBytes));
  if (const size_t at = FirstInvalidUtf8(text); at != std::string::npos) {
    return FormatError("privacy redact: byte " + std::to_string(at) +
                       ": not UTF-8, only UTF-8 text is allowed");
  }
  RedactionRules rules;
  if (!flags.rules.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(const std::string rule_text, ReadInput(flags.rules, kMostTextBytes));
    SELVEDGE_ASSIGN_OR_RETURN(rules, RedactionRules::Parse(rule_text));
  }
  const Redaction redaction = Redact(text, rules);
  Json spans = Json::array();
  for (const PiiSpan& span : redaction.spans) {
    spans.push_back({{"start", span.start}, {"end", span.end}, {"type", span.type}});
  }
  if (context.out.json) {
    Json report = {{"spans", spans}};
    if (!flags.spans) report["text"] = redaction.text;
    context.out.Report(report);
  } else if (flags.spans) {
    context.out.Report({{"spans", spans}});
  } else {
    context.out.Write(redaction.text);
  }
  return OkStatus();
}

// Sets the home's redaction rules from a file, or prints them.
Status Rules(Context& context, const RedactFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  if (!flags.rules.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.rules, kMostTextBytes));
    SELVEDGE_RETURN_IF_ERROR(home.SetRedactionRules(text));
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string rules, home.RedactionRulesText());
  if (context.out.json) {
    context.out.Report({{"rules", rules}});
  } else if (flags.rules.empty()) {
    context.out.Write(rules);
  }
  return OkStatus();
}

void AddCalculators(CommandLine* line, CLI::App* group) {
  auto flags = std::make_shared<CalculatorFlags>();
  auto noise_given = std::make_shared<CLI::Option*>(nullptr);
  CLI::App* epsilon = line->Add(
      group, "epsilon", "Epsilon of repeated noisy sums.",
      "selvedge privacy epsilon --noise-multiplier 2 --steps 100 --delta 1e-5",
      [=](Context& context) { return Epsilon(context, *flags, (*noise_given)->count() > 0); });
  *noise_given = AddReal(epsilon, "--noise-multiplier", &flags->event.noise_multiplier, 1e-6, 1e9,
                         "Standard deviation of the noise over the clip norm");
  AddTexts(epsilon, "--compose", &flags->compose, "Q,S,N",
           "Further sampling rate, noise multiplier and steps; may be repeated");
  CLI::App* noise = line->Add(group, "noise", "Smallest noise multiplier for an epsilon.",
                              "selvedge privacy noise --epsilon 8 --steps 100 --delta 1e-5",
                              [flags](Context& context) { return Noise(context, *flags); });
  AddReal(noise, "--epsilon", &flags->epsilon, 1e-6, 1e6, "Epsilon to keep below")->required();
  for (CLI::App* app : {epsilon, noise}) {
    AddReal(app, "--sampling-rate", &flags->event.sampling_rate, 0, 1,
            "Share of the groups in a step (default 1: all of them)");
    AddInt(app, "--steps", &flags->event.steps, 1, kMostSteps, "Steps (default 1)");
    AddReal(app, "--delta", &flags->delta, 1e-300, 0.999999, "Delta of the claim")->required();
    AddChoice(app, "--accountant", &flags->accountant, {"best", "pld", "rdp"},
              "Which bound (default best: the smallest valid one)");
  }
}

}  // namespace

void AddPrivacy(CommandLine* line) {
  CLI::App* group = line->AddGroup("privacy", "The ledger, calculators and redaction.");
  auto svg = std::make_shared<std::string>();
  CLI::App* status = line->Add(group, "status",
                               "What was spent of the budget, by which releases, and what is left.",
                               "selvedge privacy status --svg budget.svg",
                               [svg](Context& context) { return Ledger(context, *svg); });
  AddText(status, "--svg", svg.get(), "FILE",
          "Also draw what is left over time, as an SVG picture");
  AddCalculators(line, group);
  AddReceipts(line, group);
  AddAudit(line, group);
  AddPlan(line, group);
  auto flags = std::make_shared<RedactFlags>();
  CLI::App* redact = line->Add(group, "redact", "Show what redaction at ingest does to a text.",
                               "selvedge privacy redact --spans letter.txt",
                               [flags](Context& context) { return RedactFile(context, *flags); });
  AddArgument(redact, "FILE", &flags->file, "The text; - or nothing is stdin");
  redact->add_flag("--spans", flags->spans,
                   "Print where what was found: UTF-8 byte offsets, half open");
  AddText(redact, "--rules", &flags->rules, "FILE", "Rules of the owner, or contacts as vCards");
  auto rule_flags = std::make_shared<RedactFlags>();
  CLI::App* rules = line->Add(
      group, "rules", "Show or set what the home redacts besides: contacts, words, patterns.",
      "selvedge privacy rules contacts.vcf",
      [rule_flags](Context& context) { return Rules(context, *rule_flags); });
  AddText(rules, "file", &rule_flags->rules, "FILE",
          "The new rules, or contacts as vCards; an empty file clears them");
}

}  // namespace selvedge::cli
