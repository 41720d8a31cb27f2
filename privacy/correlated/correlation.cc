#include "privacy/correlated/correlation.h"

#include <cmath>

#include "privacy/correlated/correlated_noise.h"

namespace selvedge::privacy {

double RunNoiseMultiplier(double source_multiplier, const Correlation& correlation) {
  const double norm = Sensitivity(correlation.blt, correlation.schema) * (1 + kRoundingSlack);
  return source_multiplier / norm * (1 - 1e-15);
}

double RoundingNorm(const Correlation& correlation, uint64_t parameters) {
  const auto steps = static_cast<double>(correlation.schema.steps);
  return CorrelatedNoise::RoundingPerStep(correlation.blt, correlation.schema.steps) *
         std::sqrt(steps * static_cast<double>(parameters)) /
         Sensitivity(correlation.blt, correlation.schema);
}

}  // namespace selvedge::privacy
