#pragma once
// The linear layers that LoRA may adapt - those of the blocks and the head - by their names in GGUF
// and in Hugging Face models, and the row order in which llama's q and k differ between the two.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "adapters/store.h"

namespace selvedge::adapters {

// What a side of a weight matrix is as wide as.
enum class Width { kEmbedding, kHeads, kKvHeads, kFeedForward, kVocabulary };

struct Module {
  const char* gguf;          // "attn_q"
  const char* hugging_face;  // "self_attn.q_proj"
  Width in, out;
  bool in_blocks = true;           // once in every layer; false: once in the model
  const char* short_name() const;  // "q_proj", as in PEFT's target_modules
};

// One module in one layer, or the head.
struct Place {
  uint32_t layer = 0;  // 0 for the head
  const Module* module = nullptr;

  std::string GgufName() const;         // "blk.0.attn_q.weight", "output.weight"
  std::string HuggingFaceName() const;  // "model.layers.0.self_attn.q_proj", "lm_head"
};

std::span<const Module> AllModules();

// Empty if the name is not exactly of that form.
std::optional<Place> PlaceOfGguf(std::string_view name);
std::optional<Place> PlaceOfHuggingFace(std::string_view name);

// kIncompatible, naming it, unless Selvedge knows the architecture's row order; kUsage for a base
// without layers or heads, or with an odd head_dim.
Status CheckBase(const BaseShape& base);

// The distinct short names of the tensors' modules in the order of AllModules().
std::vector<std::string> TargetModules(const LoraAdapter& adapter);

// Reorders the rows of B [out, r] of llama's q and k between Hugging Face's halves and GGUF's
// adjacent pairs; leaves every other module and architecture as it is. With W' = P W for the base,
// P (W + B A) = W' + (P B) A, so A stays.
// Source: the reshape (h, 2, d/2, in) -> swap of the middle axes of llama.cpp's converter.
void ToGgufRows(const Place& place, const BaseShape& base, uint32_t rank, std::vector<float>* b);
void ToHuggingFaceRows(const Place& place, const BaseShape& base, uint32_t rank,
                       std::vector<float>* b);

}  // namespace selvedge::adapters
