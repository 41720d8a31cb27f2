#pragma once
// What differs between the decoder architectures that GGUF names, as data.

#include <string_view>

#include "inference/model/model.h"

namespace selvedge::inference {

// One matrix of a layer: its name after "blk.N." and before ".weight", where it goes, and its
// shape [rows, cols] in terms of the configuration.
struct LayerMatrix {
  const char* name;
  kernels::WeightView LayerWeights::*view;
  size_t (*rows)(const ModelConfig&);
  size_t (*cols)(const ModelConfig&);
};

struct Architecture {
  const char* name;  // general.architecture, and the prefix of its keys
  bool rope_interleaved;
  bool rope_dim_is_head_dim;  // rotary positions cover whole heads
  std::span<const LayerMatrix> matrices;
};

// Null if the architecture is not supported.
const Architecture* FindArchitecture(std::string_view name);
// The supported names, for messages: "llama".
std::string_view SupportedArchitectures();

}  // namespace selvedge::inference
