#include "sdk/receipt.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include <selvedge/adapters.h>

#include "adapters/manifest.h"
#include "adapters/peft.h"
#include "adapters/signature.h"
#include "core/digest.h"
#include "core/file_io.h"
#include "privacy/accounting/lower_bound.h"
#include "sdk/correlation_json.h"
#include "storage/untrusted/json_fields.h"
#include "storage/untrusted/strict_json.h"

namespace selvedge {
namespace {

using Json = nlohmann::json;  // sorted keys: one spelling
using untrusted::JsonFields;

constexpr int64_t kVersion = 2;
// How far two computations of the same bound may lie apart: other processors round otherwise.
constexpr double kTolerance = 1e-6;

constexpr const char* kCorrelatedNoise = "discrete-gaussian, correlated by a BLT matrix";

std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Every valid upper bound by name, and the rigorous lower one.
struct Bounds {
  std::vector<std::pair<std::string, double>> upper;
  double lower = 0;
};

Result<Bounds> BoundsOf(const std::vector<MechanismEvent>& events, double delta) {
  Bounds bounds;
  const bool sampled = std::any_of(events.begin(), events.end(),
                                   [](const MechanismEvent& e) { return e.sampling_rate < 1; });
  SELVEDGE_ASSIGN_OR_RETURN(const double rdp, ComputeEpsilon(events, delta, Accountant::kRdp));
  if (!sampled) {
    SELVEDGE_ASSIGN_OR_RETURN(const double exact, ComputeEpsilon(events, delta));
    bounds.upper.emplace_back("gaussian", exact);
  } else if (const auto pld = ComputeEpsilon(events, delta, Accountant::kPld); pld.ok()) {
    bounds.upper.emplace_back("pld", *pld);
  }
  bounds.upper.emplace_back("rdp", rdp);
  SELVEDGE_ASSIGN_OR_RETURN(bounds.lower, privacy::EpsilonLowerBound(events, delta));
  return bounds;
}

Status Wrong(const std::string& what) { return AuthError("receipt: " + what); }
Status Malformed(const std::string& what) { return FormatError("receipt: " + what); }

// A run has at most a million steps; a stopped and resumed one repeats some of them.
constexpr int64_t kMostSteps = int64_t{1} << 40;

Result<std::vector<MechanismEvent>> ReadEvents(const Json& list) {
  if (list.empty() || list.size() > 1000) {
    return Malformed("field 'events': must list 1 to 1000 releases");
  }
  std::vector<MechanismEvent> events;
  for (const auto& item : list) {
    JsonFields fields(item, "receipt: events");
    events.push_back({fields.Number("sampling_rate"), fields.Number("noise_multiplier"),
                      fields.Integer("steps", kMostSteps)});
    SELVEDGE_RETURN_IF_ERROR(fields.status());
  }
  return events;
}

bool Near(double a, double b) { return std::abs(a - b) <= kTolerance * std::max(1.0, std::abs(b)); }

// What the receipt claims must follow from its own events.
Status CheckClaims(const PrivacyStatement& s, const std::vector<MechanismEvent>& events,
                   const Json& bounds, double lower, bool correlated, ReceiptReport* report) {
  int64_t steps = 0;
  for (const MechanismEvent& event : events) {
    steps += event.steps;
    if (event.sampling_rate != s.sampling_rate || event.noise_multiplier != s.noise_multiplier) {
      return Wrong("events: are not those of its privacy statement");
    }
  }
  if (steps != s.steps) {
    return Wrong("steps: the statement says " + std::to_string(s.steps) + ", the events " +
                 std::to_string(steps));
  }
  const char* sampling = s.sampling_rate < 1 ? "poisson" : "full-batch";
  if (s.sampling != (correlated ? kInTurns : sampling) || s.neighbouring != "zero-out") {
    return Wrong(
        "statement: its sampling or neighbouring is not what the events are accounted for");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const Bounds recomputed, BoundsOf(events, s.delta));
  report->epsilon_recomputed = HUGE_VAL;
  for (const auto& [name, value] : recomputed.upper) {
    report->epsilon_recomputed = std::min(report->epsilon_recomputed, value);
    if (!bounds.contains(name) || !bounds[name].is_number() ||
        !Near(bounds[name].get<double>(), value)) {
      return Wrong("bounds: '" + name + "' is not what its events give");
    }
  }
  report->epsilon_lower = recomputed.lower;
  if (!Near(s.epsilon, report->epsilon_recomputed)) {
    return Wrong("epsilon: says " + std::to_string(s.epsilon) + ", its events give " +
                 std::to_string(report->epsilon_recomputed));
  }
  return Near(lower, recomputed.lower) ? OkStatus()
                                       : Wrong("epsilon_lower: is not what its events give");
}

Json MechanismJson(const ReceiptFacts& facts) {
  Json json = {{"noise", "discrete-gaussian"},
               {"clipping", "flat-l2"},
               {"clip_norm", facts.clip_norm},
               {"divisor", facts.divisor},
               {"groups", facts.groups}};
  if (!facts.correlation) return json;
  json["noise"] = kCorrelatedNoise;
  json["correlation"] = CorrelationJson(*facts.correlation);
  json["steps"] = facts.steps;
  json["source_noise_multiplier"] = facts.source_noise_multiplier;
  return json;
}

// Whether the noise is correlated; then its one event must follow from the matrix.
Result<bool> CheckMechanism(const Json& mechanism, const std::vector<MechanismEvent>& events) {
  JsonFields fields(mechanism, "receipt: mechanism");
  const std::string noise = fields.Text("noise");
  SELVEDGE_RETURN_IF_ERROR(fields.status());
  if (noise != kCorrelatedNoise) return false;
  const int64_t steps = fields.Integer("steps", kMostSteps);
  const double source = fields.Number("source_noise_multiplier");
  const Json& correlation = fields.Object("correlation");
  SELVEDGE_RETURN_IF_ERROR(fields.status());
  SELVEDGE_ASSIGN_OR_RETURN(const privacy::Correlation read,
                            ReadCorrelation(correlation, steps, "receipt: correlation"));
  const MechanismEvent& run = events.front();
  const double multiplier = privacy::RunNoiseMultiplier(source, read);
  if (events.size() == 1 && run.steps == 1 && run.sampling_rate == 1 &&
      Near(run.noise_multiplier, multiplier)) {
    return true;
  }
  return Wrong("correlation: its sensitivity does not give the events");
}

Json EventsJson(const std::vector<MechanismEvent>& events) {
  Json list = Json::array();
  for (const MechanismEvent& e : events) {
    list.push_back({{"sampling_rate", e.sampling_rate},
                    {"noise_multiplier", e.noise_multiplier},
                    {"steps", e.steps}});
  }
  return list;
}

Json GateJson(const ReceiptFacts& facts) {
  if (facts.gate.empty()) return {{"answer", "exact"}};
  return {{"answer", "noised-votes"}, {"groups", facts.judges}, {"events", EventsJson(facts.gate)}};
}

// What the gate's answers cost the held-out groups must be within the statement, too.
Status CheckGate(const Json& gate, ReceiptReport* report) {
  JsonFields fields(gate, "receipt: gate");
  const std::string answer = fields.Text("answer");
  SELVEDGE_RETURN_IF_ERROR(fields.status());
  if (answer == "exact") return OkStatus();
  if (answer != "noised-votes") {
    return IncompatibleError("receipt: gate: its answer is of a kind that this SDK does not know");
  }
  report->judges = fields.Integer("groups", INT64_MAX);
  const Json& answers = fields.Array("events");
  SELVEDGE_RETURN_IF_ERROR(fields.status());
  SELVEDGE_ASSIGN_OR_RETURN(const auto events, ReadEvents(answers));
  SELVEDGE_ASSIGN_OR_RETURN(report->gate_epsilon, ComputeEpsilon(events, report->privacy.delta));
  if (report->gate_epsilon <= report->privacy.epsilon * (1 + kTolerance)) return OkStatus();
  return Wrong("gate: its answers give epsilon " + std::to_string(report->gate_epsilon) +
               ", the statement says " + std::to_string(report->privacy.epsilon));
}

Status CheckFile(const std::string& folder, const char* name, const std::string& sha256) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes,
                            core::ReadFile(folder + "/" + name, adapters::kMaxWeightsBytes));
  if (core::Hex(core::Sha256Of(bytes)) == sha256) return OkStatus();
  return Wrong(std::string("adapter: ") + name + ": is not the file that it was given for");
}

struct Lines {
  std::string_view body;
  Json seal;
};

Result<Lines> Split(std::string_view text) {
  if (text.size() > adapters::kMaxReceiptBytes) {
    return LimitError("receipt: larger than " + std::to_string(adapters::kMaxReceiptBytes) +
                      " bytes");
  }
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return Malformed("must be two lines, receipt and seal");
  std::string_view seal = text.substr(end + 1);
  if (seal.ends_with('\n')) seal.remove_suffix(1);
  SELVEDGE_ASSIGN_OR_RETURN(Json parsed, untrusted::ParseObject(seal, "receipt: seal"));
  return Lines{text.substr(0, end), std::move(parsed)};
}

// The public key of the seal, whose signature is good.
Result<adapters::PublicKey> CheckSeal(const Lines& lines) {
  JsonFields fields(lines.seal, "receipt: seal");
  const std::string key_text = fields.Text("public_key");
  const std::string signature_text = fields.Text("signature");
  SELVEDGE_RETURN_IF_ERROR(fields.status());
  const auto key_bytes = core::FromHex(key_text);
  const auto signature = core::FromHex(signature_text);
  adapters::PublicKey key;
  if (!key_bytes.ok() || !signature.ok() || key_bytes->size() != key.size() ||
      core::Hex(*key_bytes) != key_text || core::Hex(*signature) != signature_text) {
    return Malformed("seal: key and signature must be lower-case hexadecimal");
  }
  std::copy(key_bytes->begin(), key_bytes->end(), key.begin());
  SELVEDGE_RETURN_IF_ERROR(adapters::VerifyReceiptSignature(AsBytes(lines.body), *signature, key));
  return key;
}

}  // namespace

Result<std::string> WriteReceipt(const adapters::Manifest& m, const ReceiptFacts& facts,
                                 const adapters::SigningKey& key) {
  SELVEDGE_ASSIGN_OR_RETURN(const Bounds bounds, BoundsOf(facts.events, m.privacy.delta));
  Json upper = Json::object();
  for (const auto& [name, value] : bounds.upper) upper[name] = value;
  const Json body = {
      {"format", "selvedge-receipt"},
      {"version", kVersion},
      {"adapter_id", m.id},
      {"created", m.created},
      {"base_digest", m.base_digest},
      {"weights_sha256", m.weights_sha256},
      {"config_sha256", m.config_sha256},
      {"target_modules", m.target_modules},
      {"tensors", m.tensors},
      {"statement", adapters::PrivacyJson(m.privacy)},
      {"events", EventsJson(facts.events)},
      {"gate", GateJson(facts)},
      {"bounds", upper},
      {"epsilon_lower", bounds.lower},
      {"mechanism", MechanismJson(facts)},
      {"lifetime", {{"epsilon_budget", facts.epsilon_budget}, {"delta", m.privacy.delta}}},
      {"ledger", {{"rows", facts.ledger.rows}, {"head", core::Hex(facts.ledger.mac)}}}};
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  const Json seal = {{"public_key", core::Hex(key.public_key)},
                     {"signature", core::Hex(adapters::SignReceipt(AsBytes(text), key))}};
  return text + "\n" + seal.dump() + "\n";
}

Result<ReceiptReport> VerifyReceipt(std::string_view receipt, const ReceiptChecks& checks) {
  SELVEDGE_ASSIGN_OR_RETURN(const Lines lines, Split(receipt));
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::PublicKey key, CheckSeal(lines));
  ReceiptReport report;
  report.public_key = core::Hex(key);
  if (!checks.public_key.empty() && checks.public_key != report.public_key) {
    return Wrong("signature: is by another key, " + report.public_key);
  }
  SELVEDGE_ASSIGN_OR_RETURN(const Json body, untrusted::ParseObject(lines.body, "receipt"));
  JsonFields fields(body, "receipt");
  if (fields.Text("format") != "selvedge-receipt") return Malformed("is no receipt of Selvedge");
  const int64_t version = fields.Integer("version", INT64_MAX);
  if (version < 1 || version > kVersion) {
    return IncompatibleError("receipt: version: this SDK reads up to " + std::to_string(kVersion));
  }
  report.adapter_id = fields.Text("adapter_id");
  report.created = fields.Text("created");
  report.base_digest = fields.Digest("base_digest");
  report.weights_sha256 = fields.Digest("weights_sha256");
  const std::string config_sha256 = fields.Digest("config_sha256");
  const double lower = fields.Number("epsilon_lower");
  const Json& bounds = fields.Object("bounds");
  JsonFields ledger(fields.Object("ledger"), "receipt: ledger");
  JsonFields lifetime(fields.Object("lifetime"), "receipt: lifetime");
  const Json& statement = fields.Object("statement");
  const Json& releases = fields.Array("events");
  const Json& mechanism = fields.Object("mechanism");
  SELVEDGE_RETURN_IF_ERROR(fields.status());
  report.ledger_rows = ledger.Integer("rows", INT64_MAX);
  report.ledger_head = ledger.Digest("head");
  SELVEDGE_RETURN_IF_ERROR(ledger.status());
  report.epsilon_budget = lifetime.Number("epsilon_budget");
  SELVEDGE_RETURN_IF_ERROR(lifetime.status());
  SELVEDGE_ASSIGN_OR_RETURN(report.privacy, adapters::ReadPrivacy(statement, "receipt: statement"));
  SELVEDGE_ASSIGN_OR_RETURN(const auto events, ReadEvents(releases));
  SELVEDGE_ASSIGN_OR_RETURN(const bool correlated, CheckMechanism(mechanism, events));
  SELVEDGE_RETURN_IF_ERROR(CheckClaims(report.privacy, events, bounds, lower, correlated, &report));
  if (version > 1) {  // before, the gate answered exactly
    const Json& gate = fields.Object("gate");
    SELVEDGE_RETURN_IF_ERROR(fields.status());
    SELVEDGE_RETURN_IF_ERROR(CheckGate(gate, &report));
  }
  if (checks.adapter_folder.empty()) return report;
  SELVEDGE_RETURN_IF_ERROR(
      CheckFile(checks.adapter_folder, "adapter_model.safetensors", report.weights_sha256));
  SELVEDGE_RETURN_IF_ERROR(CheckFile(checks.adapter_folder, "adapter_config.json", config_sha256));
  report.adapter_checked = true;
  return report;
}

}  // namespace selvedge
