#pragma once
// The trainer's interface: the only header of trainer/ that sdk/ includes. The bodies live in a
// shared library that is loaded on first use (LibTorch stays out of programs that only generate).

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "adapters/lora.h"
#include "inference/model/model.h"
#include "privacy/mechanism.h"

namespace selvedge::trainer {

// One window of a record as the trainer sees it: token ids with the loss on labels only.
struct Example {
  std::vector<int32_t> tokens;    // [T], starts with <s>
  std::vector<uint8_t> is_label;  // [T]: 1 where predicting this token counts; is_label[0] is 0
  // Windows of a long record take turns, so that its cost is bounded and yet all of it is read:
  // step t takes this one if t % turns == turn.
  uint32_t turn = 0;
  uint32_t turns = 1;
};

// A privacy unit: its examples' gradients are summed and clipped together.
struct Group {
  std::vector<Example> examples;
};

enum class Optimizer : uint8_t { kAdam, kSgd };  // kSgd: with momentum 0.9

struct Config {
  uint32_t rank = 8;
  float alpha = 16;
  std::vector<std::string> target_modules;  // GGUF base tensor names, exact
  bool freeze_a = true;                     // FFA-LoRA; false trains A and B
  // Public text in ids, each sequence as of <s>: a frozen A spans what the layers see on it. Empty:
  // what the weights amplify most. Not looked at when a run goes on from a checkpoint.
  std::vector<std::vector<int32_t>> basis_text;
  bool dp = true;
  privacy::PrivacyPlan
      plan;                  // steps, q, sigma, C; without dp only steps and sampling_rate are used
  Optimizer optimizer = Optimizer::kAdam;
  double learning_rate = 0;  // 0 = the trainer's default; kSgd has none
  double dropout = 0;        // share of an adapted layer's inputs that its adapter does not see
  uint64_t seed = 0;         // initialisation of A, dropout and, without dp, sampling
  int threads = 0;
  int64_t memory_limit_mb = 0;
  bool exact_f32 = false;  // products with the base in f32 also where 16-bit integers are faster
  // For audits, with dp: for each coordinate of the trained vector that is named here one more
  // group takes part, whose gradient is kCanaryNorms clip norms long and lies along it. It is
  // sampled, clipped, added and noised like every other group.
  std::vector<uint64_t> canaries;
};

inline constexpr double kCanaryNorms = 3;

struct Progress {
  int64_t step = 0;
  int64_t steps = 0;
  double loss = 0;           // mean over this step's labels, nats
  int64_t label_tokens = 0;  // so far
  double label_tokens_per_s = 0;
};

// What the trainer asks of its surroundings.
class Host {
 public:
  virtual ~Host() = default;
  virtual privacy::SpendLedger& ledger() = 0;  // used only with dp
  // With correlated noise: how many steps were charged by earlier processes. Those are not done
  // again, whatever became of them.
  virtual int64_t ChargedSteps() { return 0; }
  virtual bool ShouldStop() = 0;  // asked before every product with a base weight
  virtual void OnProgress(const Progress& progress) = 0;
  // With dp, what a step releases, before the optimizer takes it: audits look at it.
  virtual void OnRelease(const privacy::NoisedGradient&) {}
  virtual Status SaveCheckpoint(
      const std::vector<uint8_t>& state) = 0;  // encrypted and replaced atomically by the host
};

struct Outcome {
  bool stopped = false;  // ShouldStop became true; state is in the last checkpoint, if there was one
  int64_t steps_done = 0;
  int64_t label_tokens = 0;
  double label_tokens_per_s = 0;
  double loss_first = 0;  // mean training loss at the first and last step
  double loss_last = 0;
  adapters::LoraAdapter adapter;  // the weights after steps_done
};

class Trainer {
 public:
  virtual ~Trainer() = default;
  // What Run would refuse before its first step (kUsage, kLimit); nothing is computed.
  virtual Status Check(const inference::Model& model, const std::vector<Group>& groups,
                       const Config& config) = 0;
  // `checkpoint` empty: start fresh. kIncompatible if it belongs to another base, config or data.
  virtual Result<Outcome> Run(std::shared_ptr<const inference::Model> model,
                              const std::vector<Group>& groups, const Config& config,
                              const std::vector<uint8_t>& checkpoint, Host& host) = 0;
};

}  // namespace selvedge::trainer

// The one exported symbol of libselvedge_trainer.so.
extern "C" selvedge::trainer::Trainer* selvedge_trainer_create();
