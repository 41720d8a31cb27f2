#pragma once
// Turns independent integer noise, step by step, into noise that is correlated between steps.
//
// With z_t the independent noise of step t, the noise that a step releases is
//   w_t = z_t - floor(sum_j omega_j buffer_j),   buffer_j <- theta_j buffer_j + w_t,
// which is C^-1 z but for rounding. All of it is integer arithmetic, so z_t can be recovered from
// w_1 .. w_t exactly, and the privacy argument of docs/privacy/accounting.md, "Correlated noise",
// holds for the numbers as they are computed: two runs whose sums differ by x - x' release the same
// values for z's that differ by C (x - x') plus at most RoundingPerStep in each coordinate.

#include <cstdint>
#include <span>
#include <vector>

#include <selvedge/status.h>

#include "privacy/correlated/blt.h"

namespace selvedge::privacy {

class CorrelatedNoise {
 public:
  CorrelatedNoise(const Blt& blt, uint64_t parameters);

  // noise [P], in grid units: z_t on entry, w_t on return. Steps come one after the other from 0
  // on. Returns the norm of this step's row of C^-1: the standard deviation of w_t over that of
  // z_t. kInternal, with nothing to be released, if `step` is not the next one or a number leaves
  // 62 bits, which noise of a deviation of at most 2^30 never does.
  Result<double> Correlate(int64_t step, std::span<int64_t> noise);

  // Passes over the steps before `step` as if their noise had been 0: what a process that died had
  // drawn for them is lost, and they are not done again.
  void SkipTo(int64_t step);

  // What the next steps depend on: [buffers, P], in grid units times 2^16. As secret as the
  // gradients: with it and the releases they can be worked out.
  std::span<const int64_t> state() const { return state_; }
  // Goes on at `step` with the state that was there then. kFormat if it has another length.
  Status Restore(int64_t step, std::span<const int64_t> state);

  // How far apart, in grid units, rounding can bring the noise of two runs at one step and
  // coordinate, beyond C (x - x').
  static double RoundingPerStep(const Blt& blt, int64_t steps);

 private:
  Blt blt_;
  uint64_t parameters_;
  int64_t step_ = 0;  // the next one
  std::vector<int64_t> state_;
};

}  // namespace selvedge::privacy
