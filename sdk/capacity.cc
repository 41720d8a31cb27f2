#include "sdk/capacity.h"

#include <cmath>
#include <cstdio>

#include "sdk/train_options.h"

namespace selvedge {
namespace {

constexpr double kMostNoise = 0.25;
// Louder than this at the smallest size, and nothing but chance is learnt.
constexpr double kTooLoud = 1;
constexpr int kLargestRank = 8;

struct Size {
  std::vector<std::string> modules;
  int rank;
};

// Largest first.
std::vector<Size> Sizes(const TrainOptions& o) {
  const std::vector<std::string> layers = {"all-linear"};
  const std::vector<std::string> all = {"all-linear", "lm_head"};
  // What writes to the residual stream, and the head.
  const std::vector<std::string> writers = {"o_proj", "down_proj", "lm_head"};
  const std::vector<std::string> head = {"lm_head"};
  std::vector<Size> sizes;
  const auto add = [&](const std::vector<std::string>& modules, std::initializer_list<int> ranks) {
    if (o.rank > 0) {
      sizes.push_back({modules, o.rank});
    } else {
      for (const int rank : ranks) sizes.push_back({modules, rank});
    }
  };
  if (!o.target_modules.empty()) {
    add(o.target_modules, {kLargestRank, 4, 2, 1});
  } else if (!o.dp) {
    add(layers, {kLargestRank});
  } else {
    add(all, {kLargestRank, 4, 2});
    add(writers, {2});
    add(head, {1});
  }
  return sizes;
}

std::string Text(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2g", v);
  return text;
}

std::string Reason(const Capacity& c, bool largest) {
  const std::string noise = "noise is " + Text(c.noise_to_signal) + " of the signal";
  if (c.noise_to_signal > kTooLoud) {
    return noise + " even for this small an adapter: too little data for this epsilon";
  }
  if (c.noise_to_signal > kMostNoise) return noise + ", expect little at this epsilon";
  return largest ? noise : noise + ", a larger adapter would drown in it";
}

}  // namespace

double NoiseToSignal(const MechanismEvent& run, double groups_per_step, uint64_t parameters) {
  return run.noise_multiplier * std::sqrt(static_cast<double>(parameters)) /
         (groups_per_step * std::sqrt(static_cast<double>(run.steps)));
}

Result<Capacity> ChooseCapacity(const TrainOptions& options, const inference::Model& model,
                                const MechanismEvent& run, double groups_per_step) {
  const std::vector<Size> sizes = Sizes(options);
  Capacity chosen;
  for (const Size& size : sizes) {
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<std::string> tensors,
                              TargetTensors(model, size.modules));
    chosen.rank = size.rank;
    chosen.target_modules = TargetModules(size.modules);
    chosen.parameters = TrainedParameters(model, tensors, size.rank, options.dp);
    if (!options.dp) return chosen;
    chosen.noise_to_signal = NoiseToSignal(run, groups_per_step, chosen.parameters);
    chosen.reason = Reason(chosen, &size == &sizes.front());
    if (chosen.noise_to_signal <= kMostNoise) break;
  }
  return chosen;
}

}  // namespace selvedge
