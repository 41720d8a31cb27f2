#pragma once
// The exact sum of clipped gradients: the half of the mechanism that bounds the sensitivity.
//
// Sums of floats depend on their order, and their sensitivity is larger than the ideal one
// (Casacuberta et al. 2022, arXiv 2207.10635). Integers have neither fault.

#include <cstdint>
#include <span>
#include <vector>

#include "privacy/clipping/grid.h"

namespace selvedge::privacy {

// How a group's gradient is brought to norm at most C.
enum class Clipping {
  kFlat,   // scaled down to C if it is longer (Abadi et al. 2016)
  kAutoS,  // always normalised: g C / (||g|| + 0.01) (AUTO-S, Bu et al. 2022, arXiv 2206.07136)
};

// Not private yet: nothing but AddNoise may release it.
class GridSum {
 public:
  GridSum() = default;
  GridSum(const Grid& grid, Clipping clipping, uint64_t parameters);

  // gradient [P] f32; another length is a bug of the caller and aborts. A gradient with a NaN or an
  // infinity adds nothing. Returns the norm before clipping, NaN if not finite.
  double Add(std::span<const float> gradient);

  std::span<const int64_t> values() const { return values_; }  // [P], in units of grid().size
  const Grid& grid() const { return grid_; }
  int64_t skipped() const { return skipped_; }  // gradients that added nothing

 private:
  Grid grid_;
  Clipping clipping_ = Clipping::kFlat;
  std::vector<int64_t> values_;
  std::vector<int32_t> rounded_;  // [P], the gradient being added
  int64_t groups_ = 0;
  int64_t skipped_ = 0;
};

}  // namespace selvedge::privacy
