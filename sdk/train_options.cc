#include "sdk/train_options.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace selvedge {
namespace {

// PEFT's module name and the GGUF tensor of a layer.
constexpr std::array<std::pair<const char*, const char*>, 7> kBlockModules = {{
    {"q_proj", "attn_q"},
    {"k_proj", "attn_k"},
    {"v_proj", "attn_v"},
    {"o_proj", "attn_output"},
    {"gate_proj", "ffn_gate"},
    {"up_proj", "ffn_up"},
    {"down_proj", "ffn_down"},
}};
// The product that makes the logits. As in PEFT, all-linear does not name it.
constexpr char kHead[] = "lm_head";
constexpr char kHeadTensor[] = "output.weight";

bool Names(const std::vector<std::string>& modules, const std::string& name) {
  return std::find(modules.begin(), modules.end(), name) != modules.end();
}

std::string Text(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%g", v);
  return text;
}

// Refuses NaN too.
Status InRange(const char* option, double got, double low, double high) {
  if (got >= low && got <= high) return OkStatus();
  return UsageError(std::string("train: ") + option + ": got " + Text(got) + ", allowed " +
                    Text(low) + " to " + Text(high));
}

Status ZeroOrInRange(const char* option, double got, double low, double high) {
  if (got == 0 || (got >= low && got <= high)) return OkStatus();
  return UsageError(std::string("train: ") + option + ": got " + Text(got) + ", allowed " +
                    Text(low) + " to " + Text(high) + ", or 0 for the default");
}

Status CheckModuleNames(const std::vector<std::string>& modules) {
  if (modules.empty()) return UsageError("train: target modules: none given");
  for (const std::string& module : modules) {
    const bool known = module == "all-linear" || module == kHead ||
                       std::any_of(kBlockModules.begin(), kBlockModules.end(),
                                   [&](const auto& m) { return module == m.first; });
    if (!known) {
      return UsageError(
          "train: target modules: unknown name, allowed all-linear, q_proj, k_proj, "
          "v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head");
    }
  }
  return OkStatus();
}

}  // namespace

Status CheckTrainOptions(const TrainOptions& o) {
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("learning rate", o.learning_rate, 1e-8, 10));
  if (o.optimizer == Optimizer::kSgd && o.learning_rate == 0) {
    return UsageError("train: learning rate: got none, SGD has no default");
  }
  SELVEDGE_RETURN_IF_ERROR(InRange("dropout", o.dropout, 0, 0.9));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("rank", o.rank, 1, 256));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("alpha", o.alpha, 1e-3, 1e4));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("epsilon", o.epsilon, 1e-3, 1000));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("noise multiplier", o.noise_multiplier, 0.05, 1e4));
  SELVEDGE_RETURN_IF_ERROR(InRange("clip norm", o.clip_norm, 1e-6, 1e6));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("steps", static_cast<double>(o.steps), 1, 100000));
  SELVEDGE_RETURN_IF_ERROR(
      ZeroOrInRange("batch size", static_cast<double>(o.batch_size), 1, 10000000));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("seq len", static_cast<double>(o.seq_len), 8, 1 << 20));
  SELVEDGE_RETURN_IF_ERROR(
      ZeroOrInRange("memory limit in MB", static_cast<double>(o.memory_limit_mb), 1, 1 << 24));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("time limit in seconds", o.time_limit_s, 1e-3, 1e8));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("minutes", o.minutes, 1e-2, 1e6));
  SELVEDGE_RETURN_IF_ERROR(
      ZeroOrInRange("records per group", static_cast<double>(o.records_per_group), 1, 1e9));
  SELVEDGE_RETURN_IF_ERROR(
      ZeroOrInRange("windows per step", static_cast<double>(o.windows_per_step), 1, 1e9));
  SELVEDGE_RETURN_IF_ERROR(ZeroOrInRange("threads", o.threads, 1, 1024));
  if (o.epsilon > 0 && o.noise_multiplier > 0) {
    return UsageError("train: epsilon and noise multiplier are both given, one decides the other");
  }
  if (!o.dp && (o.epsilon > 0 || o.noise_multiplier > 0)) {
    return UsageError("train: epsilon and noise multiplier need --dp on");
  }
  if (o.mechanism == NoiseMechanism::kBlt && !o.dp) {
    return UsageError("train: the mechanism blt needs --dp on");
  }
  if (o.mechanism == NoiseMechanism::kBlt && o.minutes > 0) {
    return UsageError("train: minutes cannot be given with the mechanism blt");
  }
  if (!o.dp && o.minutes > 0) return UsageError("train: minutes need --dp on");
  return o.target_modules.empty() ? OkStatus() : CheckModuleNames(o.target_modules);
}

std::vector<std::string> TargetModules(const std::vector<std::string>& modules) {
  std::vector<std::string> out;
  for (const auto& [peft, gguf] : kBlockModules) {
    if (Names(modules, "all-linear") || Names(modules, peft)) out.emplace_back(peft);
  }
  if (Names(modules, kHead)) out.emplace_back(kHead);
  return out;
}

Result<std::vector<std::string>> TargetTensors(const inference::Model& model,
                                               const std::vector<std::string>& modules) {
  SELVEDGE_RETURN_IF_ERROR(CheckModuleNames(modules));
  const std::vector<std::string> wanted = TargetModules(modules);
  std::vector<std::string> out;
  for (uint32_t layer = 0; layer < model.config().n_layers; ++layer) {
    for (const auto& [peft, gguf] : kBlockModules) {
      if (Names(wanted, peft))
        out.push_back("blk." + std::to_string(layer) + "." + gguf + ".weight");
    }
  }
  if (Names(wanted, kHead)) out.emplace_back(kHeadTensor);
  std::sort(out.begin(), out.end());
  return out;
}

uint64_t TrainedParameters(const inference::Model& model, const std::vector<std::string>& tensors,
                           int rank, bool freeze_a) {
  uint64_t total = 0;
  for (const std::string& name : tensors) {
    const kernels::WeightView* weight = model.FindWeight(name);
    if (weight == nullptr) continue;
    total += static_cast<uint64_t>(rank) * (weight->rows + (freeze_a ? 0 : weight->cols));
  }
  return total;
}

}  // namespace selvedge
