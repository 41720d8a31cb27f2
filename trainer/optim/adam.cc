#include "trainer/optim/adam.h"

#include <algorithm>
#include <cmath>

namespace selvedge::trainer {
namespace {

bool AllFinite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// One update with bias-corrected moments; noise_variance is 0 without privacy.
// Source: Kingma and Ba 2015, algorithm 1; arXiv 2312.14334, equation 4 for the variance.
Status Update(const AdamOptions& options, std::span<const float> gradient, double noise_variance,
              double learning_rate, OptimizerState* state) {
  if (!AllFinite(gradient)) return NumericError("training: the step's gradient is not finite");
  OptimizerState next = *state;
  next.updates = state->updates + 1;
  const double t = static_cast<double>(next.updates);
  const double correction1 = 1 - std::pow(options.beta1, t);
  const double correction2 = 1 - std::pow(options.beta2, t);
  const double floor = options.noise_floor * noise_variance;
  const double keep = 1 - 1 / (1 + options.average_window * (t - 1));
  for (size_t i = 0; i < gradient.size(); ++i) {
    const double g = gradient[i];
    const double m = options.beta1 * state->first_moment[i] + (1 - options.beta1) * g;
    const double v = options.beta2 * state->second_moment[i] + (1 - options.beta2) * g * g;
    const double variance = std::max(v / correction2 - noise_variance, floor);
    const double step = learning_rate * (m / correction1) / (std::sqrt(variance) + options.epsilon);
    next.first_moment[i] = static_cast<float>(m);
    next.second_moment[i] = static_cast<float>(v);
    next.weights[i] = static_cast<float>(state->weights[i] - step);
    next.average[i] = static_cast<float>(keep * state->average[i] + (1 - keep) * next.weights[i]);
  }
  if (!AllFinite(next.weights) || !AllFinite(next.second_moment)) {
    return NumericError("training: the update is not finite");
  }
  *state = std::move(next);
  return OkStatus();
}

}  // namespace

OptimizerState OptimizerState::Start(std::vector<float> weights) {
  OptimizerState state;
  state.first_moment.assign(weights.size(), 0.0f);
  state.second_moment.assign(weights.size(), 0.0f);
  state.average = weights;
  state.weights = std::move(weights);
  return state;
}

void MeanGradient::Add(std::span<const float> gradient, int64_t labels) {
  if (!AllFinite(gradient)) {
    ++non_finite_;
    return;
  }
  for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += gradient[i];
  labels_ += labels;
}

std::vector<float> MeanGradient::Finish() const {
  std::vector<float> mean(sum_.size());
  const double scale = labels_ > 0 ? 1.0 / static_cast<double>(labels_) : 0;
  for (size_t i = 0; i < sum_.size(); ++i) mean[i] = static_cast<float>(sum_[i] * scale);
  return mean;
}

Status DpAdam::Step(privacy::NoisedGradient gradient, double learning_rate,
                    OptimizerState* state) const {
  const double stddev = gradient.noise_stddev();
  return Update(options_, gradient.values(), stddev * stddev, learning_rate, state);
}

Status PlainAdam::Step(const MeanGradient& gradient, double learning_rate,
                       OptimizerState* state) const {
  if (gradient.nothing_finite()) {
    return NumericError("training: no group of the step has a finite gradient");
  }
  return Update(options_, gradient.Finish(), 0, learning_rate, state);
}

}  // namespace selvedge::trainer
