#include "trainer/optim/sgd.h"

#include <algorithm>
#include <cmath>

namespace selvedge::trainer {
namespace {

Status Move(const SgdOptions& options, std::span<const float> gradient, double rate,
            OptimizerState* state) {
  OptimizerState next = *state;
  ++next.updates;
  const double keep = KeepOfAverage(options.average_window, next.updates);
  bool finite = true;
  for (size_t i = 0; i < gradient.size(); ++i) {
    const double m = options.momentum * next.first_moment[i] + gradient[i];
    next.first_moment[i] = static_cast<float>(m);
    next.weights[i] = static_cast<float>(next.weights[i] - rate * m);
    next.average[i] = static_cast<float>(keep * next.average[i] + (1 - keep) * next.weights[i]);
    finite = finite && std::isfinite(next.weights[i]) && std::isfinite(next.first_moment[i]);
  }
  if (!finite) return NumericError("training: the update is not finite");
  *state = std::move(next);
  return OkStatus();
}

}  // namespace

Status DpSgd::Step(privacy::NoisedGradient gradient, double learning_rate,
                   OptimizerState* state) const {
  return Move(options_, gradient.values(), learning_rate, state);
}

Status PlainSgd::Step(const MeanGradient& gradient, double learning_rate,
                      OptimizerState* state) const {
  if (gradient.nothing_finite()) {
    return NumericError("training: no group of the step has a finite gradient");
  }
  return Move(options_, gradient.Finish(), learning_rate, state);
}

}  // namespace selvedge::trainer
