#pragma once
// adapter_config.json of a PEFT folder.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "adapters/module_pattern.h"

namespace selvedge::adapters {

struct PeftConfig {
  uint32_t rank = 0;
  float alpha = 0;
  bool use_rslora = false;
  // Names that modules end with; empty if the file holds a pattern instead of a list.
  std::vector<std::string> target_modules;
  ModulePattern rank_pattern, alpha_pattern;

  // Of a module by its Hugging Face name. kIncompatible if the patterns are at odds.
  struct Size {
    uint32_t rank = 0;
    float scale = 1;
  };
  Result<Size> Of(const std::string& module) const;
  // alpha / rank, or alpha / sqrt(rank) with rsLoRA.
  float Scale(double module_alpha, uint32_t module_rank) const;
};

// kFormat, kLimit; kIncompatible, naming the field, for everything that PEFT could mean and
// Selvedge does not do.
Result<PeftConfig> ReadPeftConfig(std::string_view json);

// Every field that PEFT writes for such an adapter, keys sorted, two spaces, as PEFT does it.
std::string WritePeftConfig(const PeftConfig& config);

}  // namespace selvedge::adapters
