#pragma once
// The integer grid on which clipped gradients are added and noised.

#include <cstdint>

#include <selvedge/status.h>

namespace selvedge::privacy {

// Grid points are multiples of `size`. Noise has the integer standard deviation 2^sigma_bits in
// grid units, so size = sigma C / 2^sigma_bits.
struct Grid {
  double size = 0;
  int sigma_bits = 0;    // 20..30
  double clip_norm = 0;  // C' = C - size sqrt(P) / 2: what a gradient is clipped to, so that
                         // rounding to the grid cannot push its norm above C
  uint64_t norm_squared_max = 0;  // floor((2^sigma_bits / sigma)^2): C^2 in grid units, below 2^54
};

// The coarsest grid of at least 2^20 points per noise standard deviation on which C' is within
// 0.1 % of C. kUsage if none of up to 2^30 is fine enough (sigma sqrt(P) above 2^21).
//   noise_multiplier >= 0.01; clip_norm > 0; parameters P in [1, 2^32]
//   rounding  norm in grid units of what correlated noise is rounded by, which must be within 2^-10
//             of C too (RoundingNorm of privacy/correlated/correlation.h); 0 for independent noise
Result<Grid> ChooseGrid(double noise_multiplier, double clip_norm, uint64_t parameters,
                        double rounding = 0);

}  // namespace selvedge::privacy
