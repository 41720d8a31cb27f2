#include "privacy/clipping/grid.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace selvedge::privacy {

Result<Grid> ChooseGrid(double noise_multiplier, double clip_norm, uint64_t parameters,
                        double rounding) {
  constexpr int kLeastBits = 20;
  constexpr int kMostBits = 30;
  constexpr double kMostSlack = 0x1p-10;
  const double half_diagonal = std::sqrt(static_cast<double>(parameters)) / 2;
  const double coarsest = noise_multiplier * std::max(half_diagonal, rounding);
  int bits = kLeastBits;
  while (coarsest > std::ldexp(kMostSlack, bits)) {
    if (++bits > kMostBits) {
      return UsageError("privacy plan: noise multiplier times sqrt(parameters): got " +
                        std::to_string(2 * coarsest) + ", must be at most 2097152");
    }
  }
  // Rounded gradients are 32-bit integers.
  if (std::ldexp(1 / noise_multiplier, bits) > 0x1p30) {
    return UsageError("privacy plan: steps times parameters: too many for correlated noise");
  }
  Grid grid;
  grid.sigma_bits = bits;
  grid.size = std::ldexp(noise_multiplier * clip_norm, -bits);
  // The last factor covers the rounding of norm and scale in double arithmetic; the sum checks the
  // result in integers all the same.
  grid.clip_norm = (clip_norm - grid.size * half_diagonal) * (1 - 1e-12);
  const double clip_units = std::ldexp(1 / noise_multiplier, bits);
  grid.norm_squared_max = static_cast<uint64_t>(clip_units * clip_units * (1 - 0x1p-50));
  return grid;
}

}  // namespace selvedge::privacy
