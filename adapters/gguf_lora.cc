// llama.cpp's LoRA adapters in GGUF: docs/formats/adapter.md, "GGUF".
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "adapters/checks.h"
#include "adapters/store.h"
#include "adapters/tensor_names.h"
#include "core/file_io.h"
#include "core/kernels/kernels.h"
#include "core/open_regular.h"
#include "storage/gguf/gguf_file.h"
#include "storage/untrusted/quote.h"

namespace selvedge::adapters {
namespace {

using untrusted::Quote;

constexpr std::string_view kSuffixA = ".lora_a";
constexpr std::string_view kSuffixB = ".lora_b";

struct Halves {
  const gguf::TensorInfo* a = nullptr;
  const gguf::TensorInfo* b = nullptr;
};

Status ExpectText(const gguf::File& file, const std::string& key, const std::string& expected) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string got, file.GetString(key));
  if (got == expected) return OkStatus();
  return IncompatibleError("GGUF adapter: key '" + key + "': got " + Quote(got) + ", must be " +
                           Quote(expected));
}

Status CheckKeys(const gguf::File& file, const BaseShape& base) {
  if (!file.Has("general.type") || !file.Has("adapter.type")) {
    return IncompatibleError("GGUF adapter: " + core::BaseName(file.bytes().name()) +
                             ": is a GGUF file, but no adapter");
  }
  SELVEDGE_RETURN_IF_ERROR(ExpectText(file, "general.type", "adapter"));
  SELVEDGE_RETURN_IF_ERROR(ExpectText(file, "adapter.type", "lora"));
  SELVEDGE_RETURN_IF_ERROR(ExpectText(file, "general.architecture", base.architecture));
  if (file.Has("adapter.alora.invocation_tokens")) {
    return IncompatibleError("GGUF adapter: activated LoRA (alora) is not supported");
  }
  return OkStatus();
}

Result<std::map<std::string, Halves>> Pair(const gguf::File& file) {
  std::map<std::string, Halves> pairs;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    const std::string where = "GGUF adapter: tensor " + Quote(tensor.name);
    const bool is_a = tensor.name.ends_with(kSuffixA), is_b = tensor.name.ends_with(kSuffixB);
    if (!is_a && !is_b) return FormatError(where + ": must end with .lora_a or .lora_b");
    const std::string base_name = tensor.name.substr(0, tensor.name.size() - kSuffixA.size());
    if (!PlaceOfGguf(base_name).has_value()) {
      if (base_name == "token_embd.weight") {
        return IncompatibleError(where + ": LoRA of the embedding is not supported");
      }
      return FormatError(where + ": is no linear layer of the base");
    }
    (is_a ? pairs[base_name].a : pairs[base_name].b) = &tensor;
  }
  return pairs;
}

Result<std::vector<float>> Values(const gguf::TensorInfo& tensor) {
  switch (tensor.type) {
    case core::DType::kF32:
    case core::DType::kF16:
    case core::DType::kBF16:
    case core::DType::kQ8_0: {
      std::vector<float> values(tensor.values());  // the file holds at least one byte of each
      kernels::DequantizeRow(tensor.type, tensor.data.data(), values.data(), values.size());
      return values;
    }
    default:
      return IncompatibleError("GGUF adapter: tensor " + Quote(tensor.name) + ": got type " +
                               core::FindDType(tensor.type)->name +
                               ", F32, F16, BF16 and Q8_0 are read");
  }
}

// A is [in, r] and B is [r, out] in GGUF's order of axes: row-major [r, in] and [out, r].
Result<LoraTensor> Join(const std::string& name, const Halves& halves) {
  const std::string where = "GGUF adapter: tensor " + Quote(name);
  if (halves.a == nullptr || halves.b == nullptr) {
    return FormatError(where + ": lora_" + (halves.a == nullptr ? "a" : "b") + " is missing");
  }
  const auto& a = halves.a->dims;
  const auto& b = halves.b->dims;
  if (a.size() != 2 || b.size() != 2 || a[1] != b[0]) {
    return FormatError(where + ": lora_a must be [in, r] and lora_b [r, out]");
  }
  if (a[1] > kMaxRank || a[0] > UINT32_MAX || b[1] > UINT32_MAX) {
    return LimitError(where + ": rank: got " + std::to_string(a[1]) + ", at most " +
                      std::to_string(kMaxRank) + " allowed");
  }
  LoraTensor tensor;
  tensor.base_name = name;
  tensor.rank = static_cast<uint32_t>(a[1]);
  tensor.in = static_cast<uint32_t>(a[0]);
  tensor.out = static_cast<uint32_t>(b[1]);
  SELVEDGE_ASSIGN_OR_RETURN(tensor.a, Values(*halves.a));
  SELVEDGE_ASSIGN_OR_RETURN(tensor.b, Values(*halves.b));
  return tensor;
}

// llama.cpp scales every tensor with alpha over its own rank, or with 1 if alpha is missing or 0.
Result<float> ReadAlpha(const gguf::File& file) {
  if (!file.Has("adapter.lora.alpha")) return 0.0f;
  SELVEDGE_ASSIGN_OR_RETURN(const float alpha, file.GetF32("adapter.lora.alpha"));
  if (!(alpha >= 0 && alpha <= kMaxAlpha)) {
    return FormatError("GGUF adapter: key 'adapter.lora.alpha': must be 0 to " +
                       std::to_string(kMaxAlpha));
  }
  return alpha;
}

// What PEFT says beside alpha and llama.cpp does not know, so that it can be given back: other
// programs ignore these keys.
constexpr char kRsLora[] = "selvedge.lora.use_rslora";
constexpr char kRank[] = "selvedge.lora.rank";
constexpr char kAlpha[] = "selvedge.lora.alpha";

// Takes up those keys where they agree with the scales that the file has without them.
Status TakeOwnKeys(const gguf::File& file, LoraAdapter* adapter) {
  if (!file.Has(kRsLora) || !file.Has(kRank) || !file.Has(kAlpha)) return OkStatus();
  SELVEDGE_ASSIGN_OR_RETURN(const bool rslora, file.GetBool(kRsLora));
  SELVEDGE_ASSIGN_OR_RETURN(const uint32_t rank, file.GetU32(kRank));
  SELVEDGE_ASSIGN_OR_RETURN(const float alpha, file.GetF32(kAlpha));
  std::vector<float> scales;
  for (const LoraTensor& tensor : adapter->tensors) {
    const double r = tensor.rank;
    scales.push_back(static_cast<float>(alpha / (rslora ? std::sqrt(r) : r)));
    if (!(std::abs(scales.back() - tensor.scale) <= 1e-6f * tensor.scale)) return OkStatus();
  }
  if (rank < 1 || rank > kMaxRank || !(alpha > 0 && alpha <= kMaxAlpha)) return OkStatus();
  adapter->use_rslora = rslora;
  adapter->rank = rank;
  adapter->alpha = alpha;
  for (size_t i = 0; i < scales.size(); ++i) adapter->tensors[i].scale = scales[i];
  return OkStatus();
}

std::vector<uint8_t> Raw(const std::vector<float>& values, float factor) {
  std::vector<uint8_t> bytes(values.size() * sizeof(float));
  for (size_t i = 0; i < values.size(); ++i) {
    const float scaled = values[i] * factor;
    std::memcpy(bytes.data() + i * sizeof(float), &scaled, sizeof(float));
  }
  return bytes;
}

// The alpha under which the most tensors need no change of B: llama.cpp knows no rsLoRA.
float AlphaFor(const LoraAdapter& adapter) {
  const LoraTensor& first = adapter.tensors.front();
  const float plain = adapter.alpha / static_cast<float>(first.rank);
  return first.scale == plain ? adapter.alpha : first.scale * static_cast<float>(first.rank);
}

}  // namespace

Result<LoraAdapter> ReadGgufLora(const std::string& path, const BaseShape& base) {
  SELVEDGE_RETURN_IF_ERROR(CheckBase(base));
  SELVEDGE_ASSIGN_OR_RETURN(const auto file, gguf::File::Open(path));
  SELVEDGE_RETURN_IF_ERROR(CheckKeys(*file, base));
  SELVEDGE_ASSIGN_OR_RETURN(const float alpha, ReadAlpha(*file));
  SELVEDGE_ASSIGN_OR_RETURN(const auto pairs, Pair(*file));
  LoraAdapter adapter;
  adapter.architecture = base.architecture;
  for (const auto& [name, halves] : pairs) {
    SELVEDGE_ASSIGN_OR_RETURN(LoraTensor tensor, Join(name, halves));
    tensor.scale = alpha == 0 ? 1.0f : alpha / static_cast<float>(tensor.rank);
    adapter.rank = std::max(adapter.rank, tensor.rank);
    adapter.tensors.push_back(std::move(tensor));
  }
  SELVEDGE_RETURN_IF_ERROR(file->bytes().Intact());
  adapter.alpha = alpha == 0 ? static_cast<float>(adapter.rank) : alpha;
  SELVEDGE_RETURN_IF_ERROR(TakeOwnKeys(*file, &adapter));
  SELVEDGE_RETURN_IF_ERROR(CheckAdapter(adapter, base));
  return adapter;
}

Status WriteGgufLora(const std::string& path, const LoraAdapter& adapter) {
  if (adapter.tensors.empty()) return FormatError("GGUF adapter: it has no tensors");
  SELVEDGE_RETURN_IF_ERROR(CheckNumbers(adapter));
  const float alpha = AlphaFor(adapter);
  gguf::Writer writer;
  writer.SetString("general.type", "adapter");
  writer.SetString("general.architecture", adapter.architecture);
  writer.SetString("adapter.type", "lora");
  writer.SetF32("adapter.lora.alpha", alpha);
  const bool has_nominal_rank =
      std::all_of(adapter.tensors.begin(), adapter.tensors.end(),
                  [&](const LoraTensor& tensor) { return tensor.rank == adapter.rank; });
  if (adapter.use_rslora || !has_nominal_rank) {
    writer.SetBool(kRsLora, adapter.use_rslora);
    writer.SetU32(kRank, adapter.rank);
    writer.SetF32(kAlpha, adapter.alpha);
  }
  for (const LoraTensor& tensor : adapter.tensors) {
    // What alpha / rank cannot say is folded into B.
    const float given = alpha / static_cast<float>(tensor.rank);
    const float factor = tensor.scale == given ? 1.0f : tensor.scale / given;
    writer.AddTensor(tensor.base_name + std::string(kSuffixA), core::DType::kF32,
                     {tensor.in, tensor.rank}, Raw(tensor.a, 1.0f));
    writer.AddTensor(tensor.base_name + std::string(kSuffixB), core::DType::kF32,
                     {tensor.rank, tensor.out}, Raw(tensor.b, factor));
  }
  return core::WriteFileAtomic(path, writer.Serialize());
}

}  // namespace selvedge::adapters
