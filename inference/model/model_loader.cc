#include <cmath>
#include <set>

#include "inference/model/architecture.h"
#include "inference/model/config_reader.h"

namespace selvedge::inference {
namespace {

std::string ShapeText(const std::vector<uint64_t>& dims) {
  std::string out = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    out += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  }
  return out + "]";
}

}  // namespace

// Fills a Model from its file, remembering which tensors were used.
class ModelLoader {
 public:
  explicit ModelLoader(std::shared_ptr<const gguf::File> file) : model_(new Model()) {
    model_->file_ = std::move(file);
  }

  Result<std::shared_ptr<const Model>> Load() {
    SELVEDGE_ASSIGN_OR_RETURN(const std::string name, file().GetString("general.architecture"));
    architecture_ = FindArchitecture(name);
    if (architecture_ == nullptr) {
      return IncompatibleError("model file: general.architecture: '" + name.substr(0, 32) + "', " +
                               std::string(SupportedArchitectures()) + " supported");
    }
    SELVEDGE_ASSIGN_OR_RETURN(model_->config_, ReadConfig(file(), *architecture_));
    SELVEDGE_RETURN_IF_ERROR(LoadEmbeddings());
    SELVEDGE_RETURN_IF_ERROR(LoadLayers());
    SELVEDGE_RETURN_IF_ERROR(LoadRope());
    SELVEDGE_RETURN_IF_ERROR(RefuseUnusedTensors());
    if (file().bytes().bytes().size() <= Model::kCheckAtLoadBytes) {
      core::ThreadPool inline_pool(1);
      SELVEDGE_RETURN_IF_ERROR(model_->CheckFinite(inline_pool));
    }
    return std::shared_ptr<const Model>(std::move(model_));
  }

 private:
  const gguf::File& file() const { return *model_->file_; }
  ModelConfig& config() { return model_->config_; }

  // The tensor of this name and exact shape.
  Result<const gguf::TensorInfo*> Take(const std::string& name, std::vector<uint64_t> dims) {
    const gguf::TensorInfo* tensor = file().FindTensor(name);
    if (tensor == nullptr) {
      return FormatError("model file: tensor '" + name + "': missing");
    }
    if (tensor->dims != dims) {
      return FormatError("model file: tensor '" + name + "': shape " + ShapeText(tensor->dims) +
                         ", " + ShapeText(dims) + " needed");
    }
    used_.insert(tensor->name);
    return tensor;
  }

  Status TakeMatrix(const std::string& name, size_t rows, size_t cols, kernels::WeightView* out) {
    SELVEDGE_ASSIGN_OR_RETURN(const gguf::TensorInfo* tensor, Take(name, {cols, rows}));
    const core::DTypeInfo* info = core::FindDType(tensor->type);
    if (info == nullptr || !info->has_kernels) {
      return IncompatibleError("model file: tensor '" + name + "': type " +
                               (info == nullptr ? "unknown" : info->name) +
                               ", F32, F16, BF16, Q8_0 or Q4_0 supported");
    }
    *out = {tensor->data.data(), tensor->type, rows, cols, core::RowBytes(*info, cols)};
    model_->bytes_per_token_ += tensor->data.size();
    return OkStatus();
  }

  Status TakeNorm(const std::string& name, size_t n, std::vector<float>* out) {
    SELVEDGE_ASSIGN_OR_RETURN(const gguf::TensorInfo* tensor, Take(name, {n}));
    if (tensor->type != core::DType::kF32 && tensor->type != core::DType::kF16 &&
        tensor->type != core::DType::kBF16) {
      return IncompatibleError("model file: tensor '" + name + "': F32, F16 or BF16 supported");
    }
    out->resize(n);
    kernels::DequantizeRow(tensor->type, tensor->data.data(), out->data(), n);
    for (const float value : *out) {
      if (!std::isfinite(value)) {
        return NumericError("model file: tensor '" + name +
                            "': holds NaN or infinity, finite values needed");
      }
    }
    return OkStatus();
  }

  Status LoadEmbeddings() {
    const gguf::TensorInfo* embedding = file().FindTensor("token_embd.weight");
    if (embedding == nullptr || embedding->dims.size() != 2) {
      return FormatError("model file: tensor 'token_embd.weight': missing or no matrix");
    }
    if (embedding->dims[1] < 1 || embedding->dims[1] > (1u << 20)) {
      return LimitError("model file: " + std::to_string(embedding->dims[1]) +
                        " tokens, 1 to 1048576 allowed");
    }
    config().n_vocab = static_cast<uint32_t>(embedding->dims[1]);
    SELVEDGE_RETURN_IF_ERROR(TakeMatrix("token_embd.weight", config().n_vocab, config().n_embd,
                                        &model_->token_embedding_));
    SELVEDGE_RETURN_IF_ERROR(
        TakeNorm("output_norm.weight", config().n_embd, &model_->output_norm_));
    if (file().FindTensor("output.weight") == nullptr) {
      model_->output_ = model_->token_embedding_;
      return OkStatus();
    }
    model_->bytes_per_token_ = 0;  // of the embedding, a token reads one row only
    SELVEDGE_RETURN_IF_ERROR(
        TakeMatrix("output.weight", config().n_vocab, config().n_embd, &model_->output_));
    model_->by_name_["output.weight"] = &model_->output_;
    return OkStatus();
  }

  Status LoadLayers() {
    model_->layers_.resize(config().n_layers);
    for (size_t i = 0; i < model_->layers_.size(); ++i) {
      LayerWeights& layer = model_->layers_[i];
      const std::string prefix = "blk." + std::to_string(i) + ".";
      SELVEDGE_RETURN_IF_ERROR(
          TakeNorm(prefix + "attn_norm.weight", config().n_embd, &layer.attn_norm));
      SELVEDGE_RETURN_IF_ERROR(
          TakeNorm(prefix + "ffn_norm.weight", config().n_embd, &layer.ffn_norm));
      for (const LayerMatrix& matrix : architecture_->matrices) {
        const std::string name = prefix + matrix.name + ".weight";
        SELVEDGE_RETURN_IF_ERROR(
            TakeMatrix(name, matrix.rows(config()), matrix.cols(config()), &(layer.*matrix.view)));
        model_->by_name_[name] = &(layer.*matrix.view);
      }
    }
    return OkStatus();
  }

  // frequency_i = base^(-2i / rope_dim), divided by the linear factor and by rope_freqs (Llama 3).
  Status LoadRope() {
    const size_t half = config().rope_dim / 2;
    std::vector<float> divisors(half, 1.0f);
    if (file().FindTensor("rope_freqs.weight") != nullptr) {
      SELVEDGE_RETURN_IF_ERROR(TakeNorm("rope_freqs.weight", half, &divisors));
    }
    model_->rope_frequency_.resize(half);
    for (size_t i = 0; i < half; ++i) {
      if (!(divisors[i] > 0)) {
        return FormatError("model file: tensor 'rope_freqs.weight': value " + std::to_string(i) +
                           " is not above 0");
      }
      const double exponent = -2.0 * static_cast<double>(i) / config().rope_dim;
      model_->rope_frequency_[i] = std::pow(static_cast<double>(config().rope_base), exponent) /
                                   (double{config().rope_scale} * divisors[i]);
    }
    return OkStatus();
  }

  // A tensor that the decoder would leave out (a bias, an expert) changes what the model says.
  Status RefuseUnusedTensors() const {
    for (const gguf::TensorInfo& tensor : file().tensors()) {
      if (used_.count(tensor.name) == 0) {
        return IncompatibleError("model file: tensor '" + tensor.name + "': architecture '" +
                                 architecture_->name + "' has no use for it here");
      }
    }
    return OkStatus();
  }

  std::shared_ptr<Model> model_;
  const Architecture* architecture_ = nullptr;
  std::set<std::string_view> used_;
};

Result<std::shared_ptr<const Model>> Model::Load(std::shared_ptr<const gguf::File> file) {
  return ModelLoader(std::move(file)).Load();
}

}  // namespace selvedge::inference
