// Source of the names and of the row order of q and k: llama.cpp's converter
// (docs/formats/gguf.md).

#include <filesystem>
#include <map>
#include <set>

#include "core/file_io.h"
#include "core/kernels/kernels.h"
#include "inference/conversion/hf_config.h"
#include "inference/conversion/hf_tokenizer.h"
#include "inference/conversion/model_source.h"
#include "storage/safetensors/safetensors.h"
#include "storage/untrusted/quote.h"
#include "storage/untrusted/strict_json.h"

namespace selvedge::inference {
namespace {

using Json = nlohmann::json;
using WeightFiles = std::map<std::string, std::shared_ptr<const safetensors::File>>;

constexpr size_t kMaxJsonBytes = size_t{256} << 20;

struct Names {
  const char* hugging_face;
  const char* gguf;
};

constexpr Names kModelTensors[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
    {"lm_head.weight", "output.weight"},
};

// After "model.layers.N." and "blk.N.".
constexpr Names kLayerTensors[] = {
    {"input_layernorm.weight", "attn_norm.weight"},
    {"self_attn.q_proj.weight", "attn_q.weight"},
    {"self_attn.q_proj.bias", "attn_q.bias"},
    {"self_attn.q_norm.weight", "attn_q_norm.weight"},
    {"self_attn.k_proj.weight", "attn_k.weight"},
    {"self_attn.k_proj.bias", "attn_k.bias"},
    {"self_attn.k_norm.weight", "attn_k_norm.weight"},
    {"self_attn.v_proj.weight", "attn_v.weight"},
    {"self_attn.v_proj.bias", "attn_v.bias"},
    {"self_attn.o_proj.weight", "attn_output.weight"},
    {"post_attention_layernorm.weight", "ffn_norm.weight"},
    {"mlp.gate_proj.weight", "ffn_gate.weight"},
    {"mlp.up_proj.weight", "ffn_up.weight"},
    {"mlp.down_proj.weight", "ffn_down.weight"},
};

std::string InFolder(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

// Null if the file is not there.
Result<Json> ReadJson(const std::string& folder, const std::string& name) {
  auto text = core::ReadTextFile(InFolder(folder, name), kMaxJsonBytes);
  if (text.status().code() == StatusCode::kNotFound) return Json();
  if (!text.ok()) return text.status();
  return untrusted::ParseObject(*text, name);
}

// model.safetensors, or the files that model.safetensors.index.json names.
Result<WeightFiles> OpenWeights(const std::string& folder) {
  std::set<std::string> names = {"model.safetensors"};
  SELVEDGE_ASSIGN_OR_RETURN(const Json index, ReadJson(folder, "model.safetensors.index.json"));
  if (index.is_object()) {
    names.clear();
    if (!index.contains("weight_map") || !index["weight_map"].is_object()) {
      return FormatError("model.safetensors.index.json: weight_map: missing");
    }
    for (const auto& [tensor, file] : index["weight_map"].items()) {
      if (!file.is_string() || file.get<std::string>().find('/') != std::string::npos) {
        return FormatError("model.safetensors.index.json: weight_map: names no file of the folder");
      }
      names.insert(file.get<std::string>());
    }
  }
  WeightFiles files;
  for (const std::string& name : names) {
    SELVEDGE_ASSIGN_OR_RETURN(files[name], safetensors::File::Open(InFolder(folder, name)));
  }
  return files;
}

// Collects tensors under their GGUF names.
class TensorCollector {
 public:
  TensorCollector(const HfConfig& config, const WeightFiles& files, ModelSource* source)
      : config_(config), source_(*source) {
    for (const auto& [name, file] : files) {
      for (const safetensors::TensorInfo& tensor : file->tensors()) left_[tensor.name] = &tensor;
    }
  }

  Status Collect() {
    for (const Names& names : kModelTensors) SELVEDGE_RETURN_IF_ERROR(Take("", "", names));
    if (!config_.tied && !source_.Has("output.weight")) {
      return FormatError("model folder: tensor 'lm_head.weight': missing, and not tied");
    }
    for (uint32_t i = 0; i < config_.layers; ++i) {
      const std::string layer = std::to_string(i) + ".";
      for (const Names& names : kLayerTensors) {
        SELVEDGE_RETURN_IF_ERROR(Take("model.layers." + layer, "blk." + layer, names));
      }
      left_.erase("model.layers." + layer + "self_attn.rotary_emb.inv_freq");  // a constant
    }
    if (left_.empty()) return OkStatus();
    return IncompatibleError("model folder: tensor " + untrusted::Quote(left_.begin()->first) +
                             ": architecture '" + config_.architecture + "' has no use for it");
  }

 private:
  Status Take(const std::string& from, const std::string& to, const Names& names) {
    const auto found = left_.find(from + names.hugging_face);
    if (found == left_.end()) return OkStatus();  // the decoder says what it misses
    const safetensors::TensorInfo& tensor = *found->second;
    left_.erase(found);
    const std::string name = to + names.gguf;
    if (name == "output.weight" && config_.tied) return OkStatus();
    return Add(tensor, name);
  }

  Status Add(const safetensors::TensorInfo& tensor, const std::string& name) {
    const std::optional<core::DType> type = TypeOf(tensor.type);
    if (!type || tensor.shape.empty() || tensor.shape.size() > 2 || tensor.values() == 0) {
      return IncompatibleError("model folder: tensor " + untrusted::Quote(tensor.name) +
                               ": a vector or matrix of F32, F16 or BF16 needed");
    }
    const std::vector<uint64_t> dims(tensor.shape.rbegin(), tensor.shape.rend());
    // Vectors are read by every engine as F32.
    const core::DType stored = dims.size() == 1 ? core::DType::kF32 : *type;
    SELVEDGE_ASSIGN_OR_RETURN(const uint32_t heads, PermutedHeads(tensor, name));
    const size_t row_bytes = core::RowBytes(*core::FindDType(*type), dims[0]);
    const uint64_t head_dim = config_.head_dim;
    source_.size_bytes += core::RowBytes(*core::FindDType(stored), tensor.values());
    source_.tensors.push_back({name, stored, dims,
                               [data = tensor.data.data(), type = *type, row_bytes, cols = dims[0],
                                heads, head_dim](uint64_t first, uint64_t rows, float* out) {
                                 for (uint64_t r = first; r < first + rows; ++r, out += cols) {
                                   const uint64_t row = heads == 0 ? r : HfRow(r, head_dim);
                                   kernels::DequantizeRow(type, data + row * row_bytes, out, cols);
                                 }
                               }});
    return OkStatus();
  }

  // Row of q or k in a Hugging Face file that is row r of GGUF's: pairs (2i, 2i + 1) of a head were
  // its halves (i, i + d/2).
  static uint64_t HfRow(uint64_t r, uint64_t head_dim) {
    const uint64_t within = r % head_dim;
    return r - within + within / 2 + within % 2 * (head_dim / 2);
  }

  // Heads whose rows are to be permuted; 0: none.
  Result<uint32_t> PermutedHeads(const safetensors::TensorInfo& tensor,
                                 const std::string& name) const {
    const bool q = name.find(".attn_q.") != std::string::npos;
    const bool k = name.find(".attn_k.") != std::string::npos;
    if (!config_.permutes_heads || (!q && !k)) return uint32_t{0};
    const uint32_t heads = q ? config_.heads : config_.kv_heads;
    const bool fits = tensor.shape.size() == 2 && config_.head_dim % 2 == 0 &&
                      tensor.shape[0] == uint64_t{heads} * config_.head_dim;
    if (fits) return heads;
    return IncompatibleError("model folder: tensor " + untrusted::Quote(tensor.name) +
                             ": a matrix of " + std::to_string(heads) + " heads of " +
                             std::to_string(config_.head_dim) + " rows needed");
  }

  static std::optional<core::DType> TypeOf(safetensors::ElementType type) {
    switch (type) {
      case safetensors::ElementType::kF32:
        return core::DType::kF32;
      case safetensors::ElementType::kF16:
        return core::DType::kF16;
      case safetensors::ElementType::kBF16:
        return core::DType::kBF16;
      default:
        return std::nullopt;
    }
  }

  const HfConfig& config_;
  ModelSource& source_;
  std::map<std::string, const safetensors::TensorInfo*> left_;
};

void AddRopeDivisors(const std::vector<float>& divisors, ModelSource* source) {
  if (divisors.empty()) return;
  source->size_bytes += divisors.size() * sizeof(float);
  source->tensors.push_back({"rope_freqs.weight",
                             core::DType::kF32,
                             {divisors.size()},
                             [divisors](uint64_t, uint64_t, float* out) {
                               std::copy(divisors.begin(), divisors.end(), out);
                             }});
}

}  // namespace

Result<ModelSource> OpenHuggingFaceSource(const std::string& folder) {
  ModelSource source;
  HfTokenizerFiles files;
  SELVEDGE_ASSIGN_OR_RETURN(files.config, ReadJson(folder, "config.json"));
  if (files.config.is_null()) return NotFoundError("model folder: config.json: missing");
  SELVEDGE_ASSIGN_OR_RETURN(const HfConfig config, ReadHfConfig(files.config, &source.keys));
  source.architecture = config.architecture;
  source.layers = config.layers;

  SELVEDGE_ASSIGN_OR_RETURN(const WeightFiles weights, OpenWeights(folder));
  source.bytes = std::make_shared<const WeightFiles>(weights);
  SELVEDGE_RETURN_IF_ERROR(TensorCollector(config, weights, &source).Collect());
  AddRopeDivisors(config.rope_divisors, &source);
  for (const SourceTensor& tensor : source.tensors) {
    if (tensor.name == "token_embd.weight") {
      files.vocabulary = static_cast<uint32_t>(std::min<uint64_t>(tensor.rows(), 1u << 20));
    }
  }

  auto sentencepiece = core::ReadTextFile(InFolder(folder, "tokenizer.model"), kMaxJsonBytes);
  if (sentencepiece.ok()) {
    files.sentencepiece = std::move(*sentencepiece);
  } else if (sentencepiece.status().code() != StatusCode::kNotFound) {
    return sentencepiece.status();
  }
  SELVEDGE_ASSIGN_OR_RETURN(files.tokenizer, ReadJson(folder, "tokenizer.json"));
  SELVEDGE_ASSIGN_OR_RETURN(files.settings, ReadJson(folder, "tokenizer_config.json"));
  if (files.settings.is_null()) files.settings = Json::object();
  SELVEDGE_RETURN_IF_ERROR(SetTokenizerKeys(files, &source.keys));
  return source;
}

Result<ModelSource> OpenModelSource(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return OpenHuggingFaceSource(path);
  return OpenGgufSource(path);
}

}  // namespace selvedge::inference
