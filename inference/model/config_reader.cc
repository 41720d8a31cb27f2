#include "inference/model/config_reader.h"

#include <cmath>

#include "inference/model/key_reader.h"
#include "storage/untrusted/quote.h"

namespace selvedge::inference {
namespace {

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

// What the file says about positions beyond the original context. Without a type, a factor alone
// means linear.
Status ReadScaling(const KeyReader& keys, const ModelConfig& c, RopeScaling* scaling) {
  SELVEDGE_ASSIGN_OR_RETURN(scaling->original_context,
                            keys.CountOr("rope.scaling.original_context_length", c.n_ctx, 1 << 20));
  SELVEDGE_ASSIGN_OR_RETURN(scaling->magnitude,
                            keys.NumberOr("rope.scaling.attn_factor", 1, 0, 1e3f));
  std::string type = "linear";
  if (keys.Has("rope.scaling.type")) {
    SELVEDGE_ASSIGN_OR_RETURN(type, keys.Text("rope.scaling.type"));
  }
  const std::string factor =
      keys.Has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  if (type == "linear") {
    scaling->kind = keys.Has(factor) ? RopeScaling::Kind::kLinear : RopeScaling::Kind::kNone;
  } else if (type == "yarn") {
    scaling->kind = RopeScaling::Kind::kYarn;
  } else if (type != "none" && type != "longrope") {  // longrope: the divisors are tensors
    return IncompatibleError("model file: rope.scaling.type: " + untrusted::Quote(type) +
                             ", 'none', 'linear', 'yarn' or 'longrope' supported");
  }
  if (scaling->kind == RopeScaling::Kind::kNone) return OkStatus();
  SELVEDGE_ASSIGN_OR_RETURN(scaling->factor, keys.Number(factor, 0, 1e6f));
  SELVEDGE_ASSIGN_OR_RETURN(scaling->extrapolation,
                            keys.NumberOr("rope.scaling.yarn_ext_factor", 1, -1e-9f, 1));
  SELVEDGE_ASSIGN_OR_RETURN(scaling->beta_fast,
                            keys.NumberOr("rope.scaling.yarn_beta_fast", 32, 0, 1e6f));
  SELVEDGE_ASSIGN_OR_RETURN(scaling->beta_slow,
                            keys.NumberOr("rope.scaling.yarn_beta_slow", 1, 0, 1e6f));
  return OkStatus();
}

Status ReadPositions(const KeyReader& keys, const Architecture& architecture, ModelConfig* c) {
  c->rope_interleaved = architecture.rope_interleaved;
  SELVEDGE_ASSIGN_OR_RETURN(c->rope_base, keys.NumberOr("rope.freq_base", 10000, 1, 1e12f));
  SELVEDGE_RETURN_IF_ERROR(ReadScaling(keys, *c, &c->rope_scaling));
  c->local_rope_base = architecture.window.own_rope_base ? 10000 : c->rope_base;
  if (!architecture.window.own_rope_base) c->local_rope_scaling = c->rope_scaling;
  SELVEDGE_ASSIGN_OR_RETURN(c->local_rope_base,
                            keys.NumberOr("rope.freq_base_swa", c->local_rope_base, 1, 1e12f));
  return OkStatus();
}

Status ReadWindow(const KeyReader& keys, const SlidingWindow& window, ModelConfig* c) {
  if (window.period == 0) return OkStatus();
  c->window = window.default_window;
  if (keys.Has("attention.sliding_window")) {
    SELVEDGE_ASSIGN_OR_RETURN(c->window, keys.Count("attention.sliding_window", 0, 1u << 31));
  }
  const char* const pattern = "attention.sliding_window_pattern";
  c->is_local = keys.Flags(pattern);
  if (!c->is_local.empty()) {
    if (c->is_local.size() == c->n_layers) return OkStatus();
    return FormatError("model file: " + std::string(pattern) + ": " +
                       std::to_string(c->is_local.size()) + " values, " +
                       std::to_string(c->n_layers) + " layers");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const uint32_t period, keys.CountOr(pattern, window.period, 1 << 16));
  for (uint32_t i = 0; i < c->n_layers; ++i) c->is_local.push_back((i + 1) % period != 0);
  return OkStatus();
}

Status ReadScores(const KeyReader& keys, const Architecture& architecture, ModelConfig* c) {
  const bool by_embedding = c->n_layers == architecture.embedding_scaled_layers;
  c->attention_scale =
      1 / std::sqrt(static_cast<float>(by_embedding ? c->n_embd / c->n_heads : c->head_dim));
  c->attention_cap = architecture.attention_cap;
  if (c->attention_cap > 0) {
    SELVEDGE_ASSIGN_OR_RETURN(c->attention_cap,
                              keys.NumberOr("attn_logit_softcapping", c->attention_cap, 0, 1e6f));
  }
  c->output_cap = architecture.output_cap;
  if (architecture.reads_output_cap && keys.Has("final_logit_softcapping")) {
    SELVEDGE_ASSIGN_OR_RETURN(c->output_cap, keys.Number("final_logit_softcapping", -1e-9f, 1e6f));
  }
  return OkStatus();
}

}  // namespace

Result<ModelConfig> ReadConfig(const gguf::File& file, const Architecture& architecture) {
  ModelConfig c;
  c.architecture = architecture.name;
  c.activation = architecture.activation;
  const KeyReader keys(file, architecture.name);
  SELVEDGE_RETURN_IF_ERROR(ReadSizes(keys, &c));
  SELVEDGE_RETURN_IF_ERROR(ReadHeads(keys, architecture, &c));
  SELVEDGE_RETURN_IF_ERROR(ReadPositions(keys, architecture, &c));
  SELVEDGE_RETURN_IF_ERROR(ReadWindow(keys, architecture.window, &c));
  SELVEDGE_RETURN_IF_ERROR(ReadScores(keys, architecture, &c));
  SELVEDGE_ASSIGN_OR_RETURN(c.norm_eps, keys.Number("attention.layer_norm_rms_epsilon", 0, 0.1f));
  if (architecture.scales_embedding) c.embedding_scale = std::sqrt(static_cast<float>(c.n_embd));
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
