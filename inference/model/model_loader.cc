#include <cmath>
#include <set>

#include "inference/model/architecture.h"
#include "inference/model/config_reader.h"
#include "inference/model/key_reader.h"
#include "storage/untrusted/quote.h"

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
      return IncompatibleError("model file: general.architecture: " + untrusted::Quote(name) +
                               ", " + SupportedArchitectures() + " supported");
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

  // A tensor [cols, rows] whose rows are those of one weight or, in this order, of several.
  Status TakeMatrix(const std::string& name, size_t cols,
                    std::initializer_list<std::pair<size_t, kernels::WeightView*>> parts) {
    size_t rows = 0;
    for (const auto& part : parts) rows += part.first;
    SELVEDGE_ASSIGN_OR_RETURN(const gguf::TensorInfo* tensor, Take(name, {cols, rows}));
    const core::DTypeInfo* info = core::FindDType(tensor->type);
    if (info == nullptr || !info->has_kernels) {
      return IncompatibleError("model file: tensor '" + name + "': type " +
                               (info == nullptr ? "unknown" : info->name) +
                               ", a floating-point or quantized type needed");
    }
    const size_t row_bytes = core::RowBytes(*info, cols);
    const uint8_t* data = tensor->data.data();
    for (const auto& [part_rows, view] : parts) {
      if (part_rows == 0) continue;
      *view = {data, tensor->type, part_rows, cols, row_bytes};
      data += part_rows * row_bytes;
    }
    model_->bytes_per_token_ += tensor->data.size();
    return OkStatus();
  }

  Status TakeVector(const std::string& name, size_t n, std::vector<float>* out) {
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
    SELVEDGE_RETURN_IF_ERROR(CheckVocabSize());
    SELVEDGE_RETURN_IF_ERROR(TakeMatrix("token_embd.weight", config().n_embd,
                                        {{config().n_vocab, &model_->token_embedding_}}));
    SELVEDGE_RETURN_IF_ERROR(
        TakeVector("output_norm.weight", config().n_embd, &model_->output_norm_));
    model_->by_name_["output.weight"] = &model_->output_;
    if (file().FindTensor("output.weight") == nullptr) {
      model_->output_ = model_->token_embedding_;
      return OkStatus();
    }
    model_->bytes_per_token_ = 0;  // of the embedding, a token reads one row only
    SELVEDGE_RETURN_IF_ERROR(
        TakeMatrix("output.weight", config().n_embd, {{config().n_vocab, &model_->output_}}));
    return OkStatus();
  }

  // The key only repeats what the embedding's shape says, so a file where they differ is wrong.
  Status CheckVocabSize() {
    const KeyReader keys(file(), architecture_->name);
    if (!keys.Has("vocab_size")) return OkStatus();
    SELVEDGE_ASSIGN_OR_RETURN(const uint32_t declared, keys.Count("vocab_size", 1, 1u << 20));
    if (declared == config().n_vocab) return OkStatus();
    return FormatError("model file: " + std::string(architecture_->name) +
                       ".vocab_size: " + std::to_string(declared) + ", token_embd.weight has " +
                       std::to_string(config().n_vocab) + " rows");
  }

  Status LoadLayers() {
    model_->layers_.resize(config().n_layers);
    for (size_t i = 0; i < model_->layers_.size(); ++i) {
      const std::string prefix = "blk." + std::to_string(i) + ".";
      for (const LayerVector& vector : architecture_->vectors) {
        const std::string name = prefix + vector.name;
        if (!vector.required && file().FindTensor(name) == nullptr) continue;
        SELVEDGE_RETURN_IF_ERROR(
            TakeVector(name, vector.size(config()), &(model_->layers_[i].*vector.values)));
      }
      for (const LayerMatrix& matrix : architecture_->matrices) {
        SELVEDGE_RETURN_IF_ERROR(
            LoadMatrix(prefix + matrix.name + ".weight", matrix, &model_->layers_[i]));
      }
    }
    return OkStatus();
  }

  Status LoadMatrix(const std::string& name, const LayerMatrix& matrix, LayerWeights* layer) {
    const auto part = [&](size_t i) -> std::pair<size_t, kernels::WeightView*> {
      const MatrixPart& p = matrix.parts[i];
      if (p.view == nullptr) return {0, nullptr};
      return {p.rows(config()), &(layer->*p.view)};
    };
    SELVEDGE_RETURN_IF_ERROR(TakeMatrix(name, matrix.cols(config()), {part(0), part(1), part(2)}));
    if (matrix.parts[1].view == nullptr) model_->by_name_[name] = part(0).second;
    return OkStatus();
  }

  // What the frequencies are divided by, [rope_dim / 2]; empty if there is no such tensor.
  Result<std::vector<float>> TakeDivisors(const std::string& name) {
    std::vector<float> divisors;
    if (file().FindTensor(name) == nullptr) return divisors;
    SELVEDGE_RETURN_IF_ERROR(TakeVector(name, config().rope_dim / 2, &divisors));
    for (size_t i = 0; i < divisors.size(); ++i) {
      if (!(divisors[i] > 0)) {
        return FormatError("model file: tensor '" + name + "': value " + std::to_string(i) +
                           " is not above 0");
      }
    }
    return divisors;
  }

  Status LoadRope() {
    const ModelConfig& c = config();
    std::string name = "rope_freqs.weight";
    if (architecture_->rope_factors_by_context) {
      SELVEDGE_ASSIGN_OR_RETURN(const auto far, TakeDivisors("rope_factors_long.weight"));
      const bool has_near = file().FindTensor("rope_factors_short.weight") != nullptr;
      if (far.empty() == has_near) {
        return FormatError(
            "model file: tensors 'rope_factors_short.weight' and 'rope_factors_long.weight': one "
            "is missing, both or none needed");
      }
      if (has_near) {
        model_->long_rope_ = RopeTable(c.rope_dim, c.rope_base, c.rope_scaling, far);
      }
      name = "rope_factors_short.weight";
    }
    SELVEDGE_ASSIGN_OR_RETURN(const auto near, TakeDivisors(name));
    model_->rope_ = RopeTable(c.rope_dim, c.rope_base, c.rope_scaling, near);
    model_->local_rope_ = RopeTable(c.rope_dim, c.local_rope_base, c.local_rope_scaling, {});
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
