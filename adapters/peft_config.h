#pragma once
// adapter_config.json of a PEFT folder.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::adapters {

struct PeftConfig {
  uint32_t rank = 0;
  float alpha = 0;
  bool use_rslora = false;
  // Names that modules end with; empty if the file holds a pattern instead of a list.
  std::vector<std::string> target_modules;

  float Scale() const;  // alpha / r, or alpha / sqrt(r) with rsLoRA
};

// kFormat, kLimit; kIncompatible, naming the field, for everything that PEFT could mean and
// Selvedge does not do.
Result<PeftConfig> ReadPeftConfig(std::string_view json);

// Every field that PEFT writes for such an adapter, keys sorted, two spaces, as PEFT does it.
std::string WritePeftConfig(const PeftConfig& config);

}  // namespace selvedge::adapters
