#include "adapters/peft.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "adapters/checks.h"
#include "adapters/peft_config.h"
#include "adapters/tensor_names.h"
#include "storage/safetensors/safetensors.h"
#include "storage/untrusted/quote.h"

namespace selvedge::adapters {
namespace {

using untrusted::Quote;

constexpr std::string_view kPrefix = "base_model.model.";
const std::string kSuffixA = ".lora_A.weight";
const std::string kSuffixB = ".lora_B.weight";

std::string Where(const std::string& name) {
  return std::string(kWeightsFile) + ": tensor " + Quote(name);
}

// The two halves of one module, as they were found.
struct Halves {
  const safetensors::TensorInfo* a = nullptr;
  const safetensors::TensorInfo* b = nullptr;
};

// Why a tensor that is no lora_A or lora_B of a linear layer is refused.
Status Refuse(const std::string& name) {
  struct Feature {
    std::string_view mark, meaning;
  };
  constexpr Feature kFeatures[] = {{"lora_magnitude_vector", "DoRA"},
                                   {"lora_embedding_", "LoRA of an embedding"},
                                   {"modules_to_save", "a full module"},
                                   {"base_layer", "a full module"},
                                   {".bias", "a bias"},
                                   {"lm_head.weight", "a full output layer"},
                                   {"embed_tokens.", "LoRA of an embedding"}};
  for (const Feature& feature : kFeatures) {
    if (name.find(feature.mark) == std::string::npos) continue;
    return IncompatibleError(Where(name) + ": " + std::string(feature.meaning) +
                             " is not supported");
  }
  return FormatError(Where(name) + ": is no LoRA tensor of a linear layer");
}

bool IsTarget(const Place& place, const PeftConfig& config) {
  if (config.target_modules.empty()) return true;
  const std::string module = place.HuggingFaceName();
  return std::any_of(config.target_modules.begin(), config.target_modules.end(),
                     [&](const std::string& target) {
                       return module == target || module.ends_with("." + target);
                     });
}

Result<std::map<std::string, std::pair<Place, Halves>>> Pair(const safetensors::File& file,
                                                             const PeftConfig& config) {
  std::map<std::string, std::pair<Place, Halves>> pairs;  // by GGUF name
  for (const safetensors::TensorInfo& tensor : file.tensors()) {
    std::string_view name = tensor.name;
    const bool is_a = name.ends_with(kSuffixA), is_b = name.ends_with(kSuffixB);
    if (!name.starts_with(kPrefix) || (!is_a && !is_b)) return Refuse(tensor.name);
    name.remove_prefix(kPrefix.size());
    name.remove_suffix(kSuffixA.size());  // as long as kSuffixB
    const auto place = PlaceOfHuggingFace(name);
    if (!place.has_value()) return Refuse(tensor.name);
    if (!IsTarget(*place, config)) {
      return FormatError(Where(tensor.name) + ": its module is not in target_modules");
    }
    Halves& halves = pairs.try_emplace(place->GgufName(), *place, Halves{}).first->second.second;
    (is_a ? halves.a : halves.b) = &tensor;
  }
  return pairs;
}

std::string ShapeText(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (const uint64_t dim : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(dim);
  return text + "]";
}

// Rank and plausible sizes before anything of them is allocated.
Status CheckShape(const safetensors::TensorInfo& tensor, size_t rank_axis, uint32_t rank) {
  if (tensor.shape.size() != 2 || tensor.shape[rank_axis] != rank ||
      tensor.shape[1 - rank_axis] == 0 || tensor.shape[1 - rank_axis] > UINT32_MAX) {
    const std::string r = std::to_string(rank);
    return FormatError(Where(tensor.name) + ": shape: got " + ShapeText(tensor.shape) +
                       ", must be " + (rank_axis == 0 ? "[" + r + ", in]" : "[out, " + r + "]"));
  }
  return OkStatus();
}

Result<LoraTensor> Join(const Place& place, const Halves& halves, const PeftConfig& config) {
  if (halves.a == nullptr || halves.b == nullptr) {
    return FormatError(Where((halves.a == nullptr ? halves.b : halves.a)->name) + ": lora_" +
                       (halves.a == nullptr ? "A" : "B") + " of this module is missing");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const PeftConfig::Size size, config.Of(place.HuggingFaceName()));
  SELVEDGE_RETURN_IF_ERROR(CheckShape(*halves.a, 0, size.rank));
  SELVEDGE_RETURN_IF_ERROR(CheckShape(*halves.b, 1, size.rank));
  LoraTensor tensor;
  tensor.base_name = place.GgufName();
  tensor.rank = size.rank;
  tensor.in = static_cast<uint32_t>(halves.a->shape[1]);
  tensor.out = static_cast<uint32_t>(halves.b->shape[0]);
  tensor.scale = size.scale;
  SELVEDGE_ASSIGN_OR_RETURN(tensor.a, safetensors::ToFloats(*halves.a));
  SELVEDGE_ASSIGN_OR_RETURN(tensor.b, safetensors::ToFloats(*halves.b));
  return tensor;
}

// The alpha under which a tensor has its scale.
double AlphaOf(const LoraTensor& tensor, bool rslora) {
  const auto r = static_cast<double>(tensor.rank);
  return static_cast<double>(tensor.scale) * (rslora ? std::sqrt(r) : r);
}

}  // namespace

Result<LoraAdapter> ParsePeft(std::string_view config_text,
                              std::shared_ptr<const core::MappedFile> weights,
                              const BaseShape& base) {
  SELVEDGE_RETURN_IF_ERROR(CheckBase(base));
  SELVEDGE_ASSIGN_OR_RETURN(const PeftConfig config, ReadPeftConfig(config_text));
  SELVEDGE_ASSIGN_OR_RETURN(const auto file, safetensors::File::Parse(std::move(weights)));
  SELVEDGE_ASSIGN_OR_RETURN(const auto pairs, Pair(*file, config));
  LoraAdapter adapter;
  adapter.architecture = base.architecture;
  adapter.rank = config.rank;
  adapter.alpha = config.alpha;
  adapter.use_rslora = config.use_rslora;
  for (const auto& [name, pair] : pairs) {
    SELVEDGE_ASSIGN_OR_RETURN(LoraTensor tensor, Join(pair.first, pair.second, config));
    adapter.tensors.push_back(std::move(tensor));
  }
  SELVEDGE_RETURN_IF_ERROR(CheckAdapter(adapter, base));
  for (LoraTensor& tensor : adapter.tensors) {  // the sizes are known to fit the base only now
    ToGgufRows(pairs.at(tensor.base_name).first, base, tensor.rank, &tensor.b);
  }
  return adapter;
}

Result<PeftFiles> SerializePeft(const LoraAdapter& adapter, const BaseShape& base) {
  SELVEDGE_RETURN_IF_ERROR(CheckAdapter(adapter, base));
  PeftConfig config{adapter.rank, adapter.alpha, adapter.use_rslora, TargetModules(adapter)};
  std::map<std::string, const LoraTensor*> by_module;
  for (const LoraTensor& tensor : adapter.tensors) {
    const std::string module = PlaceOfGguf(tensor.base_name)->HuggingFaceName();
    if (tensor.rank != config.rank) config.rank_pattern.Set(module, tensor.rank);
    const float scale = config.Scale(config.alpha, tensor.rank);
    if (std::abs(tensor.scale - scale) > 1e-6f * scale) {
      config.alpha_pattern.Set(module, AlphaOf(tensor, config.use_rslora));
    }
    by_module.emplace(module, &tensor);
  }
  safetensors::Writer writer;
  writer.SetMetadata("format", "pt");
  for (const auto& [module, tensor] : by_module) {
    std::string prefix(kPrefix);
    prefix += module;
    writer.AddFloats(prefix + kSuffixA, {tensor->rank, tensor->in}, tensor->a);
    std::vector<float> b = tensor->b;
    ToHuggingFaceRows(*PlaceOfGguf(tensor->base_name), base, tensor->rank, &b);
    writer.AddFloats(prefix + kSuffixB, {tensor->out, tensor->rank}, b);
  }
  return PeftFiles{WritePeftConfig(config), writer.Serialize()};
}

}  // namespace selvedge::adapters
