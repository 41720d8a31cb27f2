#pragma once
// Adam in two dresses: one takes a noised gradient and nothing else, the other a plain mean.
//
// Both write to the same state, so a checkpoint has one form. All of it is post-processing of
// gradients that are already released.

#include <cstdint>
#include <span>
#include <vector>

#include <selvedge/status.h>

#include "privacy/mechanism.h"
#include "trainer/lora/layout.h"

namespace selvedge::trainer {

// Everything that a step changes; vectors are [P] f32.
struct OptimizerState {
  std::vector<float> weights;
  std::vector<float> first_moment;
  std::vector<float> second_moment;
  std::vector<float> average;  // of the iterates: what the run hands out
  double moment_noise = 0;     // variance of noise in each number of first_moment
  int64_t updates = 0;         // steps taken, without the discarded ones

  static OptimizerState Start(std::vector<float> weights);
};

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;  // added to the root of the second moment
  // DP only: floor of the second moment after the noise variance is taken off it, as a share of
  // that variance.
  double noise_floor = 1.0;
  // Iterates are averaged with weight 1 / (1 + average_window * updates), a window over the last
  // share of the run; 1 keeps the last iterate only.
  double average_window = 0.25;
};

// The weight of the average so far against the newest iterate.
double KeepOfAverage(double window, int64_t updates);

// The mean of the groups' label losses' gradients, with no noise: for training without privacy.
class MeanGradient {
 public:
  explicit MeanGradient(size_t parameters) : sum_(parameters) {}
  // Adds one group; a non-finite gradient contributes nothing.
  void Add(std::span<const float> gradient, int64_t labels);
  // [P], the sum divided by the number of labels added; zeros if there were none.
  std::vector<float> Finish() const;
  // Groups were added, but not one with a finite gradient.
  bool nothing_finite() const { return labels_ == 0 && non_finite_ > 0; }

 private:
  std::vector<double> sum_;
  int64_t labels_ = 0;
  int64_t non_finite_ = 0;
};

// Adam for private gradients. The known variance of the noise, (sigma C / divisor)^2, is subtracted
// from the second moment before the root is taken (DP-AdamBC: Tang, Shpilevskiy, Lecuyer 2023,
// arXiv 2312.14334), and the second moment is a mean over each block: where the noise is larger
// than the signal, a coordinate's own estimate is mostly noise and makes steps of random size.
//
// The first moment is shrunk by the share of signal in it, S / (S + N) per block (Wiener's
// filter), S the second moment less the noise variance and N the noise variance of the first
// moment: a block without signal stays where it is instead of walking at random.
class DpAdam {
 public:
  // `blocks` cover the parameter vector; the last ends at P.
  DpAdam(const AdamOptions& options, std::vector<Block> blocks)
      : options_(options), blocks_(std::move(blocks)) {}
  // kNumeric, with `state` as before, if the new weights would not be finite.
  Status Step(privacy::NoisedGradient gradient, double learning_rate, OptimizerState* state) const;

 private:
  AdamOptions options_;
  std::vector<Block> blocks_;
};

// Adam as usual (Kingma and Ba 2015).
class PlainAdam {
 public:
  explicit PlainAdam(const AdamOptions& options) : options_(options) {}
  Status Step(const MeanGradient& gradient, double learning_rate, OptimizerState* state) const;

 private:
  AdamOptions options_;
};

}  // namespace selvedge::trainer
