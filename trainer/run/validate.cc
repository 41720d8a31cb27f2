#include "trainer/run/validate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "trainer/packing/micro_batch.h"

namespace selvedge::trainer {
namespace {

constexpr double kMostDropout = 0.9;

Status ValidateExample(const inference::ModelConfig& model, const Example& example) {
  if (example.tokens.size() != example.is_label.size()) {
    return UsageError("training data: an example has " + std::to_string(example.tokens.size()) +
                      " tokens and " + std::to_string(example.is_label.size()) + " label marks");
  }
  if (!example.is_label.empty() && example.is_label[0] != 0) {
    return UsageError(
        "training data: an example's first token is marked as a label, it has no "
        "predecessor");
  }
  if (example.turn >= example.turns) {
    return UsageError("training data: an example has turn " + std::to_string(example.turn) +
                      " of " + std::to_string(example.turns));
  }
  if (UsedRows(example) > model.n_ctx) {
    return LimitError("training data: an example of " + std::to_string(example.tokens.size()) +
                      " tokens, the model's context is " + std::to_string(model.n_ctx));
  }
  for (const int32_t token : example.tokens) {
    if (token < 0 || static_cast<uint32_t>(token) >= model.n_vocab) {
      return UsageError("training data: a token id lies outside the vocabulary of " +
                        std::to_string(model.n_vocab));
    }
  }
  return OkStatus();
}

Status ValidateConfig(const Config& config) {
  if (config.plan.steps < 1) {
    return UsageError("training: steps: got " + std::to_string(config.plan.steps) +
                      ", at least 1 needed");
  }
  if (!(config.plan.sampling_rate > 0 && config.plan.sampling_rate <= 1)) {
    return UsageError("training: sampling rate: got " + std::to_string(config.plan.sampling_rate) +
                      ", must be above 0 and at most 1");
  }
  if (!std::isfinite(config.learning_rate) || config.learning_rate < 0) {
    return UsageError("training: learning rate: got " + std::to_string(config.learning_rate) +
                      ", must be above 0, or 0 for the default");
  }
  if (config.optimizer == Optimizer::kSgd && config.learning_rate == 0) {
    return UsageError("training: learning rate: got none, SGD has no default");
  }
  if (!(config.dropout >= 0 && config.dropout <= kMostDropout)) {
    return UsageError("training: dropout: got " + std::to_string(config.dropout) +
                      ", 0 to 0.9 are allowed");
  }
  if (config.threads < 0 || config.memory_limit_mb < 0) {
    return UsageError("training: threads and memory limit must not be negative");
  }
  return OkStatus();
}

}  // namespace

Result<size_t> ValidateRun(const inference::ModelConfig& model, const std::vector<Group>& groups,
                           const Config& config) {
  SELVEDGE_RETURN_IF_ERROR(ValidateConfig(config));
  if (groups.empty()) return UsageError("training data: 0 groups, at least 1 needed");
  size_t longest = 0;
  for (const Group& group : groups) {
    for (const Example& example : group.examples) {
      SELVEDGE_RETURN_IF_ERROR(ValidateExample(model, example));
      longest = std::max(longest, UsedRows(example));
    }
  }
  if (longest == 0) return UsageError("training data: no token is marked as a label");
  return longest;
}

}  // namespace selvedge::trainer
