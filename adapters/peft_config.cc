// Source of the fields and their defaults: LoraConfig of PEFT, 2026-08.
#include "adapters/peft_config.h"

#include <algorithm>
#include <cmath>

#include "adapters/checks.h"
#include "storage/untrusted/quote.h"
#include "storage/untrusted/strict_json.h"

namespace selvedge::adapters {
namespace {

using Json = nlohmann::json;
using untrusted::Quote;

const std::string kWhat = "adapter_config.json";

// Fields that change nothing in what a trained adapter computes.
constexpr const char* kInformative[] = {"auto_mapping",   "base_model_name_or_path",
                                        "inference_mode", "lora_dropout",
                                        "peft_version",   "revision"};

// Fields that are read.
constexpr const char* kRead[] = {"peft_type",    "task_type",    "r",
                                 "lora_alpha",   "use_rslora",   "target_modules",
                                 "rank_pattern", "alpha_pattern"};

// Fields that must have the value under which they do nothing. Any other field must be null, false
// or empty.
const Json& RequiredValues() {
  static const Json values = {{"bias", "none"},
                              {"fan_in_fan_out", false},
                              {"megatron_core", "megatron.core"},
                              {"qalora_group_size", 16}};
  return values;
}

template <typename Names>
bool Contains(const Names& names, const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool IsOff(const Json& value) {
  return value.is_null() || value == false || (value.is_structured() && value.empty());
}

Status CheckUnusedField(const std::string& field, const Json& value) {
  // Other ways to initialise (pissa, olora, loftq, corda) change the base weights too.
  if (field == "init_lora_weights") {
    if (value.is_null() || value.is_boolean() || value == "gaussian") return OkStatus();
  } else if (IsOff(value)) {
    return OkStatus();
  } else if (RequiredValues().contains(field) && RequiredValues()[field] == value) {
    return OkStatus();
  }
  return IncompatibleError(kWhat + ": field " + Quote(field) +
                           ": this feature of PEFT is not supported");
}

Status ReadRank(const Json& json, PeftConfig* config) {
  const auto field = json.find("r");
  if (field == json.end() || !field->is_number_integer() || *field < 1) {
    return FormatError(kWhat + ": field 'r': must be a positive integer");
  }
  if (*field > kMaxRank) {
    return LimitError(kWhat + ": field 'r': got " + field->dump() + ", at most " +
                      std::to_string(kMaxRank) + " allowed");
  }
  config->rank = field->get<uint32_t>();
  return OkStatus();
}

Status ReadAlpha(const Json& json, PeftConfig* config) {
  const auto field = json.find("lora_alpha");
  const double alpha = field != json.end() && field->is_number() ? field->get<double>() : 0;
  if (alpha > kMaxAlpha) {
    return LimitError(kWhat + ": field 'lora_alpha': at most " + std::to_string(kMaxAlpha) +
                      " allowed");
  }
  config->alpha = static_cast<float>(alpha);
  if (!(config->alpha > 0)) {
    return FormatError(kWhat + ": field 'lora_alpha': must be a positive number");
  }
  return OkStatus();
}

Status ReadTargets(const Json& json, PeftConfig* config) {
  const auto field = json.find("target_modules");
  if (field == json.end() || field->is_null() || field->is_string()) return OkStatus();
  const Status wrong =
      FormatError(kWhat + ": field 'target_modules': must be a list of names, or one pattern");
  if (!field->is_array()) return wrong;
  for (const Json& name : *field) {
    if (!name.is_string() || name.get_ref<const std::string&>().empty()) return wrong;
    config->target_modules.push_back(name.get<std::string>());
  }
  if (config->target_modules.empty()) return wrong;
  return OkStatus();
}

// `fallback` where the field is absent or null.
Result<std::string> Text(const Json& json, const char* name, const std::string& fallback) {
  const auto field = json.find(name);
  if (field == json.end() || field->is_null()) return fallback;
  if (!field->is_string()) return FormatError(kWhat + ": field '" + name + "': must be a string");
  return field->get<std::string>();
}

Status ReadKind(const Json& json, PeftConfig* config) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string type, Text(json, "peft_type", ""));
  if (type.empty()) return FormatError(kWhat + ": field 'peft_type': missing");
  if (type != "LORA") {
    return IncompatibleError(kWhat + ": field 'peft_type': got " + Quote(type) +
                             ", only LORA is supported");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string task, Text(json, "task_type", "CAUSAL_LM"));
  if (task != "CAUSAL_LM") {
    return IncompatibleError(kWhat + ": field 'task_type': got " + Quote(task) +
                             ", only CAUSAL_LM is supported");
  }
  const auto rslora = json.find("use_rslora");
  if (rslora != json.end() && !rslora->is_boolean()) {
    return FormatError(kWhat + ": field 'use_rslora': must be true or false");
  }
  config->use_rslora = rslora != json.end() && rslora->get<bool>();
  return OkStatus();
}

}  // namespace

float PeftConfig::Scale(double module_alpha, uint32_t module_rank) const {
  const auto r = static_cast<double>(module_rank);
  return static_cast<float>(module_alpha / (use_rslora ? std::sqrt(r) : r));
}

Result<PeftConfig::Size> PeftConfig::Of(const std::string& module) const {
  SELVEDGE_ASSIGN_OR_RETURN(const double r, rank_pattern.Of(module, rank));
  SELVEDGE_ASSIGN_OR_RETURN(const double module_alpha, alpha_pattern.Of(module, alpha));
  const auto module_rank = static_cast<uint32_t>(r);
  return Size{module_rank, Scale(module_alpha, module_rank)};
}

Result<PeftConfig> ReadPeftConfig(std::string_view text) {
  SELVEDGE_ASSIGN_OR_RETURN(const Json json, untrusted::ParseObject(text, kWhat));
  PeftConfig config;
  SELVEDGE_RETURN_IF_ERROR(ReadKind(json, &config));
  for (const auto& [field, value] : json.items()) {
    if (Contains(kRead, field) || Contains(kInformative, field)) continue;
    SELVEDGE_RETURN_IF_ERROR(CheckUnusedField(field, value));
  }
  SELVEDGE_RETURN_IF_ERROR(ReadRank(json, &config));
  SELVEDGE_RETURN_IF_ERROR(ReadAlpha(json, &config));
  SELVEDGE_RETURN_IF_ERROR(ReadTargets(json, &config));
  const auto pattern = [&json](const char* field) {
    return json.contains(field) ? json[field] : Json();
  };
  SELVEDGE_ASSIGN_OR_RETURN(
      config.rank_pattern,
      ModulePattern::Read(pattern("rank_pattern"), "rank_pattern", kMaxRank, /*whole=*/true));
  SELVEDGE_ASSIGN_OR_RETURN(
      config.alpha_pattern,
      ModulePattern::Read(pattern("alpha_pattern"), "alpha_pattern", kMaxAlpha, /*whole=*/false));
  return config;
}

std::string WritePeftConfig(const PeftConfig& config) {
  Json json = RequiredValues();
  json["peft_type"] = "LORA";
  json["task_type"] = "CAUSAL_LM";
  json["inference_mode"] = true;
  json["init_lora_weights"] = true;
  json["lora_dropout"] = 0.0;
  json["r"] = config.rank;
  if (config.alpha == std::floor(config.alpha)) {
    json["lora_alpha"] = static_cast<int64_t>(config.alpha);
  } else {
    json["lora_alpha"] = config.alpha;
  }
  json["use_rslora"] = config.use_rslora;
  json["target_modules"] = config.target_modules;
  for (const char* off : {"lora_bias", "use_dora", "use_qalora"}) json[off] = false;
  for (const char* none :
       {"alora_invocation_tokens", "auto_mapping", "base_model_name_or_path", "corda_config",
        "eva_config", "exclude_modules", "layer_replication", "layers_pattern",
        "layers_to_transform", "megatron_config", "modules_to_save", "revision",
        "target_parameters", "trainable_token_indices"}) {
    json[none] = nullptr;
  }
  json["loftq_config"] = Json::object();
  json["rank_pattern"] = config.rank_pattern.ToJson();
  json["alpha_pattern"] = config.alpha_pattern.ToJson();
  return json.dump(2);
}

}  // namespace selvedge::adapters
