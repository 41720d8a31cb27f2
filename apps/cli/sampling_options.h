#pragma once
// The sampling flags that `generate` and `chat` share, spelt as llama.cpp users know them.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/status.h>

namespace selvedge::cli {

struct GenerationFlags {
  int64_t n_predict = 128;
  int64_t n_ctx = 0;
  double temperature = 0.8;
  int64_t top_k = 40;
  double top_p = 0.95;
  double min_p = 0.05;
  double repeat_penalty = 1.0;
  int64_t repeat_last_n = 64;
  uint64_t seed = 0;
  bool ignore_eos = false;
  int64_t draft_max = GenerateOptions().draft_max;
  bool context_shift = false;
  int64_t keep = GenerateOptions().n_keep;
  std::vector<std::string> stop;
  std::string grammar_file;
  std::string schema_file;
};

void AddGenerationFlags(CLI::App* app, GenerationFlags* flags);

// Options with everything but the prompt, the adapters and the callback. Errors are those of
// reading the files of grammar and schema.
Result<GenerateOptions> ToGenerateOptions(const GenerationFlags& flags);

}  // namespace selvedge::cli
