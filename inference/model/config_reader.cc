#include "inference/model/config_reader.h"

#include <algorithm>
#include <cmath>

namespace selvedge::inference {
namespace {

// Keys below "<architecture>.".
class KeyReader {
 public:
  KeyReader(const gguf::File& file, std::string prefix)
      : file_(file), prefix_(std::move(prefix) + ".") {}

  bool Has(const std::string& key) const { return file_.Has(prefix_ + key); }

  // A count in [low, high]. Per-layer arrays of one repeated value count as that value.
  Result<uint32_t> Count(const std::string& key, uint64_t low, uint64_t high) const {
    SELVEDGE_ASSIGN_OR_RETURN(const uint64_t value, Uniform(key));
    const std::string got = "model file: " + prefix_ + key + ": " + std::to_string(value);
    if (value < low) {
      return FormatError(got + ", at least " + std::to_string(low) + " needed");
    }
    if (value > high) return LimitError(got + ", at most " + std::to_string(high) + " allowed");
    return static_cast<uint32_t>(value);
  }

  Result<uint32_t> CountOr(const std::string& key, uint32_t fallback, uint64_t high) const {
    if (!Has(key)) return fallback;
    return Count(key, 1, high);
  }

  // A finite number in (low, high].
  Result<float> Number(const std::string& key, float low, float high) const {
    SELVEDGE_ASSIGN_OR_RETURN(const float value, file_.GetF32(prefix_ + key));
    if (!(value > low && value <= high)) {
      return FormatError("model file: " + prefix_ + key + ": " + std::to_string(value) +
                         ", finite, above " + std::to_string(low) + " and at most " +
                         std::to_string(high) + " allowed");
    }
    return value;
  }

  Result<std::string> Text(const std::string& key) const { return file_.GetString(prefix_ + key); }

 private:
  Result<uint64_t> Uniform(const std::string& key) const {
    for (const auto& [name, value] : file_.metadata()) {
      if (name != prefix_ + key) continue;
      const auto* array = std::get_if<gguf::Array>(&value.data);
      if (array == nullptr) break;
      if (const auto* u = std::get_if<std::vector<uint64_t>>(&array->values)) {
        return Same(name, *u);
      }
      if (const auto* i = std::get_if<std::vector<int64_t>>(&array->values)) {
        return Same(name, *i);
      }
    }
    SELVEDGE_ASSIGN_OR_RETURN(const uint32_t value, file_.GetU32(prefix_ + key));
    return uint64_t{value};
  }

  template <typename T>
  static Result<uint64_t> Same(const std::string& name, const std::vector<T>& values) {
    if (values.empty() || values.front() < T{0}) {
      return FormatError("model file: " + name + ": no count in it");
    }
    if (std::any_of(values.begin(), values.end(), [&](T v) { return v != values.front(); })) {
      return IncompatibleError("model file: " + name + ": layers differ, equal layers supported");
    }
    return static_cast<uint64_t>(values.front());
  }

  const gguf::File& file_;
  std::string prefix_;
};

Status ReadSizes(const KeyReader& keys, ModelConfig* c) {
  SELVEDGE_ASSIGN_OR_RETURN(c->n_layers, keys.Count("block_count", 1, 512));
  SELVEDGE_ASSIGN_OR_RETURN(c->n_embd, keys.Count("embedding_length", 1, 1 << 16));
  SELVEDGE_ASSIGN_OR_RETURN(c->n_ff, keys.Count("feed_forward_length", 1, 1 << 20));
  SELVEDGE_ASSIGN_OR_RETURN(c->n_ctx, keys.Count("context_length", 1, 1 << 20));
  return OkStatus();
}

Status ReadHeads(const KeyReader& keys, const Architecture& architecture, ModelConfig* c) {
  SELVEDGE_ASSIGN_OR_RETURN(c->n_heads, keys.Count("attention.head_count", 1, 1024));
  SELVEDGE_ASSIGN_OR_RETURN(c->n_kv_heads,
                            keys.CountOr("attention.head_count_kv", c->n_heads, 1024));
  if (c->n_heads % c->n_kv_heads != 0) {
    return FormatError("model file: attention.head_count " + std::to_string(c->n_heads) +
                       " is no multiple of attention.head_count_kv " +
                       std::to_string(c->n_kv_heads));
  }
  const bool has_length = keys.Has("attention.key_length");
  if (!has_length && c->n_embd % c->n_heads != 0) {
    return FormatError("model file: embedding_length " + std::to_string(c->n_embd) +
                       " is no multiple of attention.head_count " + std::to_string(c->n_heads));
  }
  SELVEDGE_ASSIGN_OR_RETURN(c->head_dim,
                            keys.CountOr("attention.key_length", c->n_embd / c->n_heads, 1024));
  SELVEDGE_ASSIGN_OR_RETURN(const uint32_t value_length,
                            keys.CountOr("attention.value_length", c->head_dim, 1024));
  if (value_length != c->head_dim) {
    return IncompatibleError("model file: attention.value_length " + std::to_string(value_length) +
                             ", equal to key_length " + std::to_string(c->head_dim) + " supported");
  }
  SELVEDGE_ASSIGN_OR_RETURN(c->rope_dim, keys.CountOr("rope.dimension_count", c->head_dim, 1024));
  if (c->head_dim % 2 != 0 || c->rope_dim % 2 != 0 || c->rope_dim > c->head_dim ||
      (architecture.rope_dim_is_head_dim && c->rope_dim != c->head_dim)) {
    return FormatError("model file: rope.dimension_count " + std::to_string(c->rope_dim) +
                       ", the even head size " + std::to_string(c->head_dim) + " allowed");
  }
  return OkStatus();
}

Status ReadPositions(const KeyReader& keys, ModelConfig* c) {
  if (keys.Has("rope.freq_base")) {
    SELVEDGE_ASSIGN_OR_RETURN(c->rope_base, keys.Number("rope.freq_base", 0, 1e12f));
  }
  SELVEDGE_ASSIGN_OR_RETURN(c->norm_eps, keys.Number("attention.layer_norm_rms_epsilon", 0, 0.1f));
  if (!keys.Has("rope.scaling.type")) return OkStatus();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string scaling, keys.Text("rope.scaling.type"));
  if (scaling == "linear") {
    SELVEDGE_ASSIGN_OR_RETURN(c->rope_scale, keys.Number("rope.scaling.factor", 0, 1e6f));
  } else if (scaling != "none") {
    return IncompatibleError("model file: rope.scaling.type: '" + scaling.substr(0, 32) +
                             "', 'none' or 'linear' supported");
  }
  return OkStatus();
}

}  // namespace

Result<ModelConfig> ReadConfig(const gguf::File& file, const Architecture& architecture) {
  ModelConfig c;
  c.architecture = architecture.name;
  c.rope_interleaved = architecture.rope_interleaved;
  const KeyReader keys(file, architecture.name);
  SELVEDGE_RETURN_IF_ERROR(ReadSizes(keys, &c));
  SELVEDGE_RETURN_IF_ERROR(ReadHeads(keys, architecture, &c));
  SELVEDGE_RETURN_IF_ERROR(ReadPositions(keys, &c));
  if (keys.Has("expert_count")) {
    SELVEDGE_ASSIGN_OR_RETURN(const uint32_t experts, keys.Count("expert_count", 0, 1 << 16));
    if (experts > 0) {
      return IncompatibleError("model file: expert_count: " + std::to_string(experts) +
                               ", mixtures of experts are not supported");
    }
  }
  return c;
}

}  // namespace selvedge::inference
