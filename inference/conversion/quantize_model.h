#pragma once
// Writes a model as GGUF with the types of a mix.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <selvedge/status.h>

#include "core/thread_pool.h"
#include "inference/conversion/model_source.h"
#include "inference/conversion/quantization_mix.h"

namespace selvedge::inference {

struct QuantizedModel {
  std::map<std::string, uint64_t> types;  // tensors per type
  uint64_t size_bytes = 0;                // of the file
  std::string sha256;                     // of the file
};

// Called after each piece with the weights' bytes done and in all.
using QuantizeProgress = std::function<void(uint64_t done, uint64_t total)>;

// Quantizes row by row and writes as it goes; `path` gets the file when all of it is on the disk
// and keeps what it had otherwise. kNumeric for weights that are not finite, kCancelled when *stop
// (may be null) becomes true, kIo, kNoSpace. The bytes do not depend on the number of threads.
Result<QuantizedModel> QuantizeModel(core::ThreadPool& pool, ModelSource source,
                                     const QuantizationMix& mix, const std::string& path,
                                     const std::atomic<bool>* stop,
                                     const QuantizeProgress& on_progress);

}  // namespace selvedge::inference
