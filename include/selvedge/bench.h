#pragma once
// Measurements of an engine on this machine. Each returns one value per repetition, in order; the
// first repetition follows one that is not counted.

#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/status.h>

namespace selvedge {

struct BenchOptions {
  int64_t tokens = 128;
  int64_t repetitions = 5;
  std::string adapter = "none";  // registry id, "active" or "none"
  std::vector<LoraFile> lora;
};

// Tokens per second of greedy decoding of `tokens` tokens after a prompt of <s> alone.
Result<std::vector<double>> BenchDecode(const Engine& engine, const BenchOptions& options);

// Prompt tokens per second of `tokens` tokens in one go.
Result<std::vector<double>> BenchPrefill(const Engine& engine, const BenchOptions& options);

// Milliseconds to read the LoRA files of `options`, check them against the model and publish the
// set. kUsage without a file.
Result<std::vector<double>> BenchSwap(const Engine& engine, const BenchOptions& options);

}  // namespace selvedge
