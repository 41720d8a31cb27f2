#pragma once
// Measurements of an engine on this machine. Each returns one value per repetition, in order; the
// first repetition follows one that is not counted.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/status.h>

namespace selvedge {

struct BenchOptions {
  int64_t tokens = 128;
  int64_t repetitions = 5;
  int64_t sessions = 1;          // decoding at the same time, 1 to 64
  std::string kv_type = "f16";   // as in GenerateOptions
  std::string adapter = "none";  // registry id, "active" or "none"
  std::vector<LoraFile> lora;
};

// Tokens per second of greedy decoding of `tokens` tokens after a prompt of <s> alone; with several
// sessions, of all of them together, each with an adapter set of its own.
Result<std::vector<double>> BenchDecode(const Engine& engine, const BenchOptions& options);

// Prompt tokens per second of `tokens` tokens in one go.
Result<std::vector<double>> BenchPrefill(const Engine& engine, const BenchOptions& options);

// Milliseconds from another adapter being active in the home's registry to its being served.
struct SwapBench {
  // Read from the disk: signature and digests checked, bound to the model. In page cache.
  std::vector<double> from_disk;
  std::vector<double> from_memory;  // served lately: EngineOptions::kept_adapters
};

// Swaps between two adapters in a new home at `home`, which must not exist. They are options.lora,
// one file, or one made up: rank 8 on all linear layers.
Result<SwapBench> BenchSwap(Engine& engine, const std::string& home, const BenchOptions& options);

struct TrainBenchOptions {
  bool dp = true;  // gradients are clipped and noised
  // A's beside B's. By default as a run would: not with dp, and without it they are.
  std::optional<bool> train_a;
  int rank = 8;
  int64_t batch_size = 4;       // sequences of a step; each is a group of its own
  int64_t seq_len = 256;        // label tokens of a sequence
  int64_t memory_limit_mb = 0;  // 0 = none
  int64_t repetitions = 5;      // steps that are counted
  int threads = 0;
  bool exact_f32 = false;  // products with the base in f32 also where 16-bit integers are faster
};

struct TrainBench {
  std::vector<double> tokens_per_s;      // label tokens, by the clock on the wall, one per step
  std::vector<double> tokens_per_cpu_s;  // the same by the processor time of all threads
  double peak_rss_mb = 0;                // of the process up to the end of the run
  double loss = 0;                       // of the last step, to see that numbers are finite
  // From a stop at a random instant to the trainer's next look at it, in milliseconds. What follows
  // is the writing of a checkpoint.
  double stop_ms_p99 = 0;
  double stop_ms_max = 0;
};

// Whole training steps on random tokens: gradients of all linear layers, clipping and noise where
// asked for, optimizer, checkpoint bytes. Nothing is kept. Errors are those of training.
Result<TrainBench> BenchTrain(const Engine& engine, const TrainBenchOptions& options);

}  // namespace selvedge
