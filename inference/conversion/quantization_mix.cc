// Source of the rules: llama.cpp's llama-quant.cpp (d32676d77), for dense models without an
// importance matrix.

#include "inference/conversion/quantization_mix.h"

#include <charconv>

namespace selvedge::inference {
namespace {

using core::DType;

constexpr QuantizationMix kMixes[] = {
    {"f32", 0, DType::kF32},
    {"f16", 1, DType::kF16},
    {"bf16", 32, DType::kBF16},
    {"q8_0", 7, DType::kQ8_0},
    {"q4_0", 2, DType::kQ4_0},
    {"q4_1", 3, DType::kQ4_1},
    {"q5_0", 8, DType::kQ5_0},
    {"q5_1", 9, DType::kQ5_1},
    {"q4_k_s", 14, DType::kQ4_K, FinerLayers::kFirst, DType::kQ5_K},
    {"q4_k_m", 15, DType::kQ4_K, FinerLayers::kEndsAndThirds, DType::kQ6_K},
    {"q5_k_s", 16, DType::kQ5_K},
    {"q5_k_m", 17, DType::kQ5_K, FinerLayers::kEndsAndThirds, DType::kQ6_K},
    {"q6_k", 18, DType::kQ6_K},
};

bool Contains(const std::string& name, const char* part) {
  return name.find(part) != std::string::npos;
}

bool StaysAsItIs(const SourceTensor& tensor) {
  return tensor.dims.size() < 2 || !tensor.name.ends_with("weight") ||
         tensor.name.ends_with("_norm.weight") || Contains(tensor.name, "ffn_gate_inp.weight");
}

// N of "blk.N.rest"; 0 for other names.
uint32_t LayerOf(const std::string& name) {
  uint32_t layer = 0;
  if (name.starts_with("blk.")) {
    std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  }
  return layer;
}

bool IsFiner(FinerLayers which, uint32_t layer, uint32_t layers, bool attention) {
  switch (which) {
    case FinerLayers::kNone:
      return false;
    case FinerLayers::kFirst:
      return attention ? layer < 4 : layer < layers / 8;
    case FinerLayers::kEndsAndThirds:
      return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
  }
  return false;
}

// The type whose blocks are smaller, at no fewer bits.
DType Fitting(DType type, uint64_t cols) {
  if (cols % core::FindDType(type)->block_values == 0) return type;
  const DType smaller = type == DType::kQ4_K   ? DType::kQ5_0
                        : type == DType::kQ5_K ? DType::kQ5_1
                                               : DType::kQ8_0;
  return cols % 32 == 0 ? smaller : DType::kF16;
}

}  // namespace

const QuantizationMix* FindMix(std::string_view name) {
  if (name == "q4_k") name = "q4_k_m";
  if (name == "q5_k") name = "q5_k_m";
  for (const QuantizationMix& mix : kMixes) {
    if (name == mix.name) return &mix;
  }
  return nullptr;
}

std::string MixNames() {
  std::string names;
  for (const QuantizationMix& mix : kMixes) {
    if (!names.empty()) names += &mix == std::end(kMixes) - 1 ? " or " : ", ";
    names += mix.name;
  }
  return names;
}

core::DType MixedType(const QuantizationMix& mix, const ModelSource& source,
                      const SourceTensor& tensor) {
  if (StaysAsItIs(tensor)) return tensor.type;
  DType type = mix.base;
  const bool head = tensor.name == "output.weight" ||
                    (tensor.name == "token_embd.weight" && !source.Has("output.weight"));
  const bool attention =
      Contains(tensor.name, "attn_v.weight") || Contains(tensor.name, "attn_qkv.weight");
  if (head) {
    // Every token's logits come from it, so it gets the bits of Q6_K at least.
    const bool coarse = core::FindDType(type)->block_values > 1 && type != DType::kQ8_0;
    if (coarse) type = DType::kQ6_K;
  } else if (attention || Contains(tensor.name, "ffn_down")) {
    if (IsFiner(mix.finer_layers, LayerOf(tensor.name), source.layers, attention)) type = mix.finer;
  }
  return Fitting(type, tensor.dims[0]);
}

}  // namespace selvedge::inference
