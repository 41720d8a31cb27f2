#pragma once
// The base model of an engine or a home: a GGUF file, or the embedded default one.

#include <memory>
#include <string>

#include <selvedge/status.h>

#include "inference/model/model.h"
#include "inference/tokenizer/tokenizer.h"

namespace selvedge {

struct BaseModel {
  std::shared_ptr<const inference::Model> model;  // its file() is the mapped GGUF file
  std::unique_ptr<inference::Tokenizer> tokenizer;
};

// `path` empty: the embedded model, whose bytes are used where they lie. kNotFound, kIo, kFormat,
// kLimit, kIncompatible as the file deserves; kFormat if vocabulary and embedding differ in size.
Result<BaseModel> LoadBaseModel(const std::string& path);

}  // namespace selvedge
