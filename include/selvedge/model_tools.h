#pragma once
// Tools for base-model files.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <selvedge/status.h>

namespace selvedge {

struct QuantizeOptions {
  std::string input;            // F32, F16 or BF16 weights: a GGUF file, or a Hugging Face folder
  std::string output;           // replaced only when the new file is complete
  std::string type = "q4_k_m";  // f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1 q4_k_s q4_k_m q5_k_s q5_k_m
                                // q6_k
  int threads = 0;              // 0: one per core
};

struct QuantizeReport {
  std::string arch;
  uint64_t tensors = 0;
  std::map<std::string, uint64_t> types;  // tensors per type, e.g. {"Q6_K", 5}
  uint64_t input_bytes = 0;               // of the weights as they were stored
  uint64_t output_bytes = 0;              // of the new file
  std::string sha256;                     // of the new file
};

// Writes a model as GGUF with quantized weights, by llama.cpp's rules of which tensor gets which
// type. kUsage for an unknown type or an output that is the input, kIncompatible for an input that
// is quantized already, kNumeric for weights that are not finite, kCancelled when *stop (may be
// null) becomes true. `on_progress` (may be empty) gets the weights' bytes done and in all.
Result<QuantizeReport> QuantizeModel(
    const QuantizeOptions& options, const std::atomic<bool>* stop,
    const std::function<void(uint64_t done, uint64_t total)>& on_progress);

}  // namespace selvedge
