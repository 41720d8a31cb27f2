#pragma once
// What differs between the decoder architectures that GGUF names, as data. A family is one row of
// the table in architecture.cc; the loader and the decoder have no branch on its name.

#include <string>
#include <string_view>

#include "inference/model/model.h"

namespace selvedge::inference {

// A size in terms of the configuration.
using SizeOf = size_t (*)(const ModelConfig&);

// Rows of one weight inside a tensor that may hold several below one another.
struct MatrixPart {
  kernels::WeightView LayerWeights::*view = nullptr;
  SizeOf rows = nullptr;
};

// One matrix of a layer in the file: its name after "blk.N." and before ".weight", its columns, and
// where its rows go. Only weights that have a tensor of their own take adapters.
struct LayerMatrix {
  const char* name;
  SizeOf cols;
  MatrixPart parts[3];  // unused ones have no view
};

// One vector of a layer: its whole name after "blk.N.", its size and where it goes.
struct LayerVector {
  const char* name;
  std::vector<float> LayerWeights::*values;
  SizeOf size;
  bool required;
};

// Layers that see only the last positions. Layer i is one unless i + 1 is a multiple of `period`.
struct SlidingWindow {
  uint32_t period = 0;          // 0: no layer is
  uint32_t default_window = 0;  // if the file names none; 0: then no layer is
  bool own_rope_base = false;   // such layers rotate by base 10000, unscaled, unless the file says
};

struct Architecture {
  const char* name;  // general.architecture, and the prefix of its keys
  bool rope_interleaved;
  bool rope_dim_is_head_dim;  // rotary positions cover whole heads
  std::span<const LayerMatrix> matrices;
  std::span<const LayerVector> vectors;
  Activation activation = Activation::kSilu;
  bool scales_embedding = false;         // by sqrt(n_embd)
  float attention_cap = 0;               // soft cap of scores if the file names none; 0: never one
  float output_cap = 0;                  // the same for logits
  bool reads_output_cap = false;         // from the file
  uint32_t embedding_scaled_layers = 0;  // with so many layers, scores are divided by
                                         // sqrt(n_embd / n_heads), not by sqrt(head_dim)
  SlidingWindow window = {};
  bool rope_factors_by_context = false;  // rope_factors_short and rope_factors_long
};

// Null if the architecture is not supported.
const Architecture* FindArchitecture(std::string_view name);
// The supported names, for messages: "'llama', 'qwen2' or ...".
std::string SupportedArchitectures();

}  // namespace selvedge::inference
