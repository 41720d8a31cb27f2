#pragma once
// Which type each tensor of a model becomes: the mixes that llama.cpp names, by its rules.

#include <cstdint>
#include <string>
#include <string_view>

#include "inference/conversion/model_source.h"

namespace selvedge::inference {

// Layers that get more bits than the others.
enum class FinerLayers : uint8_t {
  kNone,
  kFirst,          // attn_v of the first four, ffn_down of the first eighth
  kEndsAndThirds,  // the first and the last eighth, and every third between
};

struct QuantizationMix {
  const char* name;    // "q4_k_m"
  uint32_t file_type;  // general.file_type (enum llama_ftype)
  core::DType base;
  FinerLayers finer_layers = FinerLayers::kNone;
  core::DType finer = core::DType::kF32;  // of attn_v and ffn_down in these layers
};

// By name, "q4_k" and "q5_k" for their "_m". Null if there is none.
const QuantizationMix* FindMix(std::string_view name);
// "f32, f16, ... or q6_k"
std::string MixNames();

// The type of a tensor. Vectors and norms keep the type that they have; rows that no block fits
// get a type with smaller blocks, or F16.
core::DType MixedType(const QuantizationMix& mix, const ModelSource& source,
                      const SourceTensor& tensor);

}  // namespace selvedge::inference
