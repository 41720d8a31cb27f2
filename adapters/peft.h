#pragma once
// PEFT's two files as bytes, without the folder around them.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "adapters/lora.h"
#include "adapters/store.h"
#include "core/mapped_file.h"

namespace selvedge::adapters {

inline constexpr char kConfigFile[] = "adapter_config.json";
inline constexpr char kWeightsFile[] = "adapter_model.safetensors";
inline constexpr size_t kMaxConfigBytes = size_t{1} << 20;
inline constexpr size_t kMaxWeightsBytes = size_t{2} << 30;

struct PeftFiles {
  std::string config;
  std::vector<uint8_t> weights;
};

// Every tensor of the file must be half of a pair that the config asks for. The result has passed
// CheckAdapter.
Result<LoraAdapter> ParsePeft(std::string_view config,
                              std::shared_ptr<const core::MappedFile> weights,
                              const BaseShape& base);

// The same adapter gives the same bytes: float32, tensors in name order. Names and shapes follow
// PEFT's source (huggingface/peft 5d602fd: lora_A is Linear(in, r) and lora_B Linear(r, out) in
// tuners/lora/layer.py, keys without the adapter's name in utils/save_and_load.py); no test loads
// them with PEFT itself. kIncompatible if one rank and alpha cannot describe all tensors.
Result<PeftFiles> SerializePeft(const LoraAdapter& adapter, const BaseShape& base);

}  // namespace selvedge::adapters
