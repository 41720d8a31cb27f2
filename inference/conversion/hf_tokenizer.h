#pragma once
// The tokenizer of a Hugging Face model as the keys tokenizer.* of a GGUF file.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include <selvedge/status.h>

#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

// The contents of a model's files; what is not there is empty or null.
struct HfTokenizerFiles {
  std::string sentencepiece;  // tokenizer.model
  nlohmann::json tokenizer;   // tokenizer.json
  nlohmann::json settings;    // tokenizer_config.json
  nlohmann::json config;      // config.json
  uint32_t vocabulary = 0;    // rows of the embedding
};

// sentencepiece BPE models, or byte-level BPE of tokenizer.json with a known pre-tokenizer. Added
// tokens become control or user-defined ones; rows without a token get unused ones. kIncompatible
// for other tokenizers, kFormat for contradictions.
Status SetTokenizerKeys(const HfTokenizerFiles& files, gguf::Writer* keys);

}  // namespace selvedge::inference
