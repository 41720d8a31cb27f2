#pragma once
// A model whose weights are not quantized yet, whatever kind of files it comes from.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "core/dtype.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

struct SourceTensor {
  std::string name;            // as GGUF names it
  core::DType type;            // F32, F16 or BF16
  std::vector<uint64_t> dims;  // ne order
  // Writes the values of rows [first, first + rows) to out[rows, dims[0]]. Safe to call from
  // several threads.
  std::function<void(uint64_t first, uint64_t rows, float* out)> read;

  uint64_t rows() const;
};

struct ModelSource {
  std::string architecture;
  uint32_t layers = 0;
  gguf::Writer keys;  // every key of the file to be written but those about its types
  std::vector<SourceTensor> tensors;
  std::shared_ptr<const void> bytes;  // what `read` reads from
  uint64_t size_bytes = 0;            // of the weights as they are stored

  bool Has(const std::string& tensor) const;
};

// A GGUF file with F32, F16 or BF16 weights. kIncompatible for a quantized one: rounding twice
// loses more than rounding once.
Result<ModelSource> OpenGgufSource(const std::string& path);

// A Hugging Face folder: config.json, model.safetensors (or its parts and their index), and
// tokenizer.model or tokenizer.json. What GGUF or its architecture cannot express is refused by
// name.
Result<ModelSource> OpenHuggingFaceSource(const std::string& folder);

// Either, by what `path` is.
Result<ModelSource> OpenModelSource(const std::string& path);

}  // namespace selvedge::inference
