#pragma once
// The BLT with the least error for a schedule, found on the device in some milliseconds.

#include <selvedge/status.h>

#include "privacy/correlated/blt.h"

namespace selvedge::privacy {

enum class BltObjective { kMaxError, kRmsError };

// Minimises sensitivity times error of the prefix sums (both up to the noise that the budget asks
// for) over theta and omega of `buffers` buffers, by Nelder and Mead's simplex from a start that
// approximates the optimal Toeplitz coefficients of one participation. Never worse than independent
// noise. The result depends on the arguments alone. kUsage if they are out of range.
Result<Blt> OptimizeBlt(const Participation& schema, size_t buffers,
                        BltObjective objective = BltObjective::kRmsError);

// What is minimised: the standard deviation of prefix sums, for clip norm 1 and a run that is one
// Gaussian release of noise multiplier 1.
double BltLoss(const Blt& blt, const Participation& schema, BltObjective objective);

}  // namespace selvedge::privacy
