#pragma once
// config.json of a Hugging Face model as the keys of a GGUF file.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

struct HfConfig {
  std::string architecture;     // as GGUF names it
  bool permutes_heads = false;  // rows of q and k go from halves to adjacent pairs
  uint32_t layers = 0, embedding = 0, feed_forward = 0;
  uint32_t heads = 0, kv_heads = 0, head_dim = 0;
  uint32_t vocabulary = 0;
  bool tied = false;
  std::vector<float> rope_divisors;  // head_dim / 2 of Llama 3's scaling, or none
};

// Reads the configuration and sets its keys. kIncompatible, naming it, for an architecture or a
// feature that the GGUF architecture could not express.
Result<HfConfig> ReadHfConfig(const nlohmann::json& config, gguf::Writer* keys);

}  // namespace selvedge::inference
