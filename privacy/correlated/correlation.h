#pragma once
// A run with correlated noise: its matrix, who takes part when, and what it costs.

#include <cstdint>

#include "privacy/correlated/blt.h"

namespace selvedge::privacy {

// Groups take part in turns: group i in the steps t with t mod b = i mod b.
struct Correlation {
  Blt blt;
  Participation schema;
};

// Share of the sensitivity that is set apart for the rounding of the correlated noise; the grid is
// chosen fine enough for it.
inline constexpr double kRoundingSlack = 0x1p-10;

// The noise multiplier of the one full-batch Gaussian release that a run costs: `source_multiplier`
// (standard deviation of z over the clip norm) over the sensitivity. Rounded down.
double RunNoiseMultiplier(double source_multiplier, const Correlation& correlation);

// The norm, in grid units and relative to the sensitivity, by which rounding can part the noise of
// two runs with `parameters` coordinates.
double RoundingNorm(const Correlation& correlation, uint64_t parameters);

}  // namespace selvedge::privacy
