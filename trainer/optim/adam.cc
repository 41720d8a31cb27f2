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

// What Adam multiplies the first moment by, bias correction included.
double Gain(const AdamOptions& options, double learning_rate, double root, int64_t updates) {
  const double correction = 1 - std::pow(options.beta1, static_cast<double>(updates));
  return learning_rate / correction / (root + options.epsilon);
}

// weights -= gain(i) * first moment; then the average.
template <typename GainOf>
Status MoveWeights(const AdamOptions& options, const GainOf& gain, OptimizerState* state) {
  const double keep = KeepOfAverage(options.average_window, state->updates);
  for (size_t i = 0; i < state->weights.size(); ++i) {
    const double step = gain(i) * state->first_moment[i];
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

double KeepOfAverage(double window, int64_t updates) {
  return 1 - 1 / (1 + window * static_cast<double>(updates - 1));
}

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
  const double first_correction = 1 - std::pow(options_.beta1, static_cast<double>(next.updates));
  next.moment_noise = options_.beta1 * options_.beta1 * next.moment_noise +
                      (1 - options_.beta1) * (1 - options_.beta1) * noise;
  const double left = next.moment_noise / (first_correction * first_correction);
  std::vector<double> gains;
  size_t begin = 0;
  for (const Block& block : blocks_) {
    double sum = 0;
    for (size_t i = begin; i < block.end; ++i) sum += next.second_moment[i];
    const double mean = sum / static_cast<double>(block.end - begin) / correction;
    const double signal = std::max(0.0, mean - noise);
    const double root = std::sqrt(std::max(signal, options_.noise_floor * noise));
    const double share = signal > 0 ? signal / (signal + left) : 0;
    gains.push_back(share * Gain(options_, block.rate * learning_rate, root, next.updates));
    begin = block.end;
  }
  size_t block = 0;
  const auto gain = [&](size_t i) {
    while (i >= blocks_[block].end) ++block;
    return gains[block];
  };
  SELVEDGE_RETURN_IF_ERROR(MoveWeights(options_, gain, &next));
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
  const auto gain = [&](size_t i) {
    const double root = std::sqrt(next.second_moment[i] / correction);
    return Gain(options_, learning_rate, root, next.updates);
  };
  SELVEDGE_RETURN_IF_ERROR(MoveWeights(options_, gain, &next));
  *state = std::move(next);
  return OkStatus();
}

}  // namespace selvedge::trainer
