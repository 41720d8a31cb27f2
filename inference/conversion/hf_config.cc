#include "inference/conversion/hf_config.h"

#include <cmath>

#include "storage/untrusted/quote.h"

namespace selvedge::inference {
namespace {

using Json = nlohmann::json;

struct Family {
  const char* hugging_face;
  const char* gguf;
  bool permutes_heads;
};

constexpr Family kFamilies[] = {
    {"LlamaForCausalLM", "llama", true},
    {"MistralForCausalLM", "llama", true},
    {"Qwen2ForCausalLM", "qwen2", false},
    {"Qwen3ForCausalLM", "qwen3", false},
};

bool Has(const Json& object, const char* key) {
  return object.contains(key) && !object[key].is_null();
}

Result<uint32_t> Count(const Json& config, const char* key) {
  if (!Has(config, key)) return FormatError("config.json: " + std::string(key) + ": missing");
  const Json& value = config[key];
  if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 ||
      value.get<uint64_t>() > (uint64_t{1} << 30)) {
    return FormatError("config.json: " + std::string(key) + ": a count from 1 to 2^30 needed");
  }
  return value.get<uint32_t>();
}

Result<uint32_t> CountOr(const Json& config, const char* key, uint32_t otherwise) {
  if (!Has(config, key)) return otherwise;
  return Count(config, key);
}

Result<double> NumberOr(const Json& object, const char* key, double otherwise) {
  if (!Has(object, key)) return otherwise;
  if (!object[key].is_number() || !(object[key].get<double>() > 0)) {
    return FormatError("config.json: " + std::string(key) + ": a number above 0 needed");
  }
  return object[key].get<double>();
}

std::string TextOr(const Json& object, const char* key, const char* otherwise) {
  return Has(object, key) && object[key].is_string() ? object[key].get<std::string>() : otherwise;
}

Result<const Family*> FindFamily(const Json& config) {
  std::string name = "none";
  if (Has(config, "architectures") && config["architectures"].is_array() &&
      config["architectures"].size() == 1 && config["architectures"][0].is_string()) {
    name = config["architectures"][0].get<std::string>();
  }
  std::string known;
  for (const Family& family : kFamilies) {
    if (name == family.hugging_face) return &family;
    known += (known.empty() ? "" : ", ") + std::string(family.hugging_face);
  }
  return IncompatibleError("config.json: architectures: " + untrusted::Quote(name) + ", " + known +
                           " supported: convert other models with llama.cpp, then quantize the "
                           "GGUF file");
}

Status RefuseWhatGgufCannotSay(const Json& config) {
  if (Has(config, "quantization_config")) {
    return IncompatibleError(
        "config.json: quantization_config: the weights are quantized, F32, F16 or BF16 needed");
  }
  const std::string activation = TextOr(config, "hidden_act", "silu");
  if (activation != "silu") {
    return IncompatibleError("config.json: hidden_act: " + untrusted::Quote(activation) +
                             ", 'silu' supported");
  }
  return OkStatus();
}

// Divisors of the rotary frequencies. Source: Llama 3.1's model card and transformers'
// _compute_llama3_parameters: wavelengths beyond the original context are stretched by `factor`,
// with a smooth transition.
Result<std::vector<float>> Llama3Divisors(const Json& scaling, double base, uint32_t head_dim) {
  SELVEDGE_ASSIGN_OR_RETURN(const double factor, NumberOr(scaling, "factor", 8));
  SELVEDGE_ASSIGN_OR_RETURN(const double low, NumberOr(scaling, "low_freq_factor", 1));
  SELVEDGE_ASSIGN_OR_RETURN(const double high, NumberOr(scaling, "high_freq_factor", 4));
  SELVEDGE_ASSIGN_OR_RETURN(const double context,
                            NumberOr(scaling, "original_max_position_embeddings", 8192));
  if (!(high > low)) return FormatError("config.json: rope_scaling: high_freq_factor too small");
  std::vector<float> divisors(head_dim / 2);
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double frequency = std::pow(base, -2.0 * static_cast<double>(i) / head_dim);
    const double turns = context * frequency / (2 * M_PI);  // within the original context
    const double smooth = (turns - low) / (high - low);
    divisors[i] = static_cast<float>(turns > high  ? 1
                                     : turns < low ? factor
                                                   : 1 / ((1 - smooth) / factor + smooth));
  }
  return divisors;
}

Status SetRope(const Json& config, gguf::Writer* keys, HfConfig* out) {
  SELVEDGE_ASSIGN_OR_RETURN(const double base, NumberOr(config, "rope_theta", 10000));
  keys->SetF32(out->architecture + ".rope.freq_base", static_cast<float>(base));
  keys->SetU32(out->architecture + ".rope.dimension_count", out->head_dim);
  if (!Has(config, "rope_scaling")) return OkStatus();
  const Json& scaling = config["rope_scaling"];
  if (!scaling.is_object()) return FormatError("config.json: rope_scaling: an object needed");
  const std::string type = TextOr(scaling, "rope_type", TextOr(scaling, "type", "default").c_str());
  if (type == "default") return OkStatus();
  if (type == "llama3") {
    SELVEDGE_ASSIGN_OR_RETURN(out->rope_divisors, Llama3Divisors(scaling, base, out->head_dim));
    return OkStatus();
  }
  if (type == "linear") {
    SELVEDGE_ASSIGN_OR_RETURN(const double factor, NumberOr(scaling, "factor", 1));
    keys->SetString(out->architecture + ".rope.scaling.type", "linear");
    keys->SetF32(out->architecture + ".rope.scaling.factor", static_cast<float>(factor));
    return OkStatus();
  }
  return IncompatibleError("config.json: rope_scaling: " + untrusted::Quote(type) +
                           ", 'default', 'linear' or 'llama3' supported");
}

// Positions up to which the model is what its GGUF architecture computes.
Result<uint32_t> ContextLength(const Json& config) {
  SELVEDGE_ASSIGN_OR_RETURN(uint32_t context, Count(config, "max_position_embeddings"));
  const bool off = Has(config, "use_sliding_window") && config["use_sliding_window"] == false;
  if (!off && Has(config, "sliding_window")) {
    SELVEDGE_ASSIGN_OR_RETURN(const uint32_t window, Count(config, "sliding_window"));
    context = std::min(context, window);
  }
  return context;
}

}  // namespace

Result<HfConfig> ReadHfConfig(const Json& config, gguf::Writer* keys) {
  HfConfig out;
  SELVEDGE_ASSIGN_OR_RETURN(const Family* family, FindFamily(config));
  SELVEDGE_RETURN_IF_ERROR(RefuseWhatGgufCannotSay(config));
  out.architecture = family->gguf;
  out.permutes_heads = family->permutes_heads;
  SELVEDGE_ASSIGN_OR_RETURN(out.layers, Count(config, "num_hidden_layers"));
  SELVEDGE_ASSIGN_OR_RETURN(out.embedding, Count(config, "hidden_size"));
  SELVEDGE_ASSIGN_OR_RETURN(out.feed_forward, Count(config, "intermediate_size"));
  SELVEDGE_ASSIGN_OR_RETURN(out.heads, Count(config, "num_attention_heads"));
  SELVEDGE_ASSIGN_OR_RETURN(out.kv_heads, CountOr(config, "num_key_value_heads", out.heads));
  SELVEDGE_ASSIGN_OR_RETURN(out.head_dim, CountOr(config, "head_dim", out.embedding / out.heads));
  SELVEDGE_ASSIGN_OR_RETURN(out.vocabulary, Count(config, "vocab_size"));
  SELVEDGE_ASSIGN_OR_RETURN(const uint32_t context, ContextLength(config));
  SELVEDGE_ASSIGN_OR_RETURN(const double epsilon, NumberOr(config, "rms_norm_eps", 1e-6));
  out.tied = Has(config, "tie_word_embeddings") && config["tie_word_embeddings"] == true;

  const std::string prefix = out.architecture + ".";
  keys->SetString("general.architecture", out.architecture);
  keys->SetString("general.type", "model");
  keys->SetU32(prefix + "context_length", context);
  keys->SetU32(prefix + "embedding_length", out.embedding);
  keys->SetU32(prefix + "block_count", out.layers);
  keys->SetU32(prefix + "feed_forward_length", out.feed_forward);
  keys->SetU32(prefix + "attention.head_count", out.heads);
  keys->SetU32(prefix + "attention.head_count_kv", out.kv_heads);
  keys->SetU32(prefix + "attention.key_length", out.head_dim);
  keys->SetU32(prefix + "attention.value_length", out.head_dim);
  keys->SetF32(prefix + "attention.layer_norm_rms_epsilon", static_cast<float>(epsilon));
  keys->SetU32(prefix + "vocab_size", out.vocabulary);
  SELVEDGE_RETURN_IF_ERROR(SetRope(config, keys, &out));
  return out;
}

}  // namespace selvedge::inference
