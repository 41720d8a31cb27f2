#pragma once
// Stochastic gradient descent with momentum, in the same two dresses as Adam.

#include "trainer/optim/adam.h"

namespace selvedge::trainer {

struct SgdOptions {
  double momentum = 0.9;
  double average_window = 0.25;  // as AdamOptions'
};

// m = momentum m + g; weights -= rate m (Sutskever et al. 2013 in PyTorch's form, without
// dampening). m lies in the state's first moment; the second stays zero.
class DpSgd {
 public:
  explicit DpSgd(const SgdOptions& options) : options_(options) {}
  // kNumeric, with `state` as before, if the gradient or the new weights are not finite.
  Status Step(privacy::NoisedGradient gradient, double learning_rate, OptimizerState* state) const;

 private:
  SgdOptions options_;
};

// The same for a plain mean.
class PlainSgd {
 public:
  explicit PlainSgd(const SgdOptions& options) : options_(options) {}
  Status Step(const MeanGradient& gradient, double learning_rate, OptimizerState* state) const;

 private:
  SgdOptions options_;
};

}  // namespace selvedge::trainer
