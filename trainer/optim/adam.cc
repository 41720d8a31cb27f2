#include "trainer/optim/adam.h"

#include <algorithm>
#include <cmath>

namespace selvedge::trainer {
namespace {

bool AllFinite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// Moves both moments by one gradient (Kingma and Ba 2015, algorithm 1).
void MoveMoments(const AdamOptions& options, std::span<const float> gradient,
                 OptimizerState* state) {
  ++state->updates;
  for (size_t i = 0; i < gradient.size(); ++i) {
    const double g = gradient[i];
    state->first_moment[i] =
        static_cast<float>(options.beta1 * state->first_moment[i] + (1 - options.beta1) * g);
    state->second_moment[i] =
        static_cast<float>(options.beta2 * state->second_moment[i] + (1 - options.beta2) * g * g);
  }
}

// weights -= rate * first moment / (root(i) + epsilon), both bias-corrected; then the average.
template <typename Root>
Status MoveWeights(const AdamOptions& options, double learning_rate, const Root& root,
                   OptimizerState* state) {
  const double t = static_cast<double>(state->updates);
  const double correction = 1 - std::pow(options.beta1, t);
  const double keep = 1 - 1 / (1 + options.average_window * (t - 1));
  for (size_t i = 0; i < state->weights.size(); ++i) {
    const double step =
        learning_rate * (state->first_moment[i] / correction) / (root(i) + options.epsilon);
    state->weights[i] = static_cast<float>(state->weights[i] - step);
    state->average[i] =
        static_cast<float>(keep * state->average[i] + (1 - keep) * state->weights[i]);
  }
  if (!AllFinite(state->weights) || !AllFinite(state->second_moment)) {
    return NumericError("training: the update is not finite");
  }
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
  if (!AllFinite(gradient.values())) {
    return NumericError("training: the step's gradient is not finite");
  }
  OptimizerState next = *state;
  MoveMoments(options_, gradient.values(), &next);
  const double noise = gradient.noise_stddev() * gradient.noise_stddev();
  const double correction = 1 - std::pow(options_.beta2, static_cast<double>(next.updates));
  std::vector<double> roots;
  size_t begin = 0;
  for (const size_t end : tensor_ends_) {
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += next.second_moment[i];
    const double mean = sum / static_cast<double>(end - begin) / correction;
    roots.push_back(std::sqrt(std::max(mean - noise, options_.noise_floor * noise)));
    begin = end;
  }
  size_t tensor = 0;
  const auto root = [&](size_t i) {
    while (i >= tensor_ends_[tensor]) ++tensor;
    return roots[tensor];
  };
  SELVEDGE_RETURN_IF_ERROR(MoveWeights(options_, learning_rate, root, &next));
  *state = std::move(next);
  return OkStatus();
}

Status PlainAdam::Step(const MeanGradient& gradient, double learning_rate,
                       OptimizerState* state) const {
  if (gradient.nothing_finite()) {
    return NumericError("training: no group of the step has a finite gradient");
  }
  OptimizerState next = *state;
  MoveMoments(options_, gradient.Finish(), &next);
  const double correction = 1 - std::pow(options_.beta2, static_cast<double>(next.updates));
  const auto root = [&](size_t i) { return std::sqrt(next.second_moment[i] / correction); };
  SELVEDGE_RETURN_IF_ERROR(MoveWeights(options_, learning_rate, root, &next));
  *state = std::move(next);
  return OkStatus();
}

}  // namespace selvedge::trainer
