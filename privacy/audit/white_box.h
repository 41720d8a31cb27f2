#pragma once
// A white-box audit of single releases: it sees the released gradients and knows the canary.
//
// The canary group's gradient is C u for a unit vector u. Without it <release, u> divisor / C is
// N(0, sigma^2) about the sum of the other groups, with it N(1, sigma^2). Many cheap releases of
// either kind measure the noise that is really there, so a wrong sigma, a missing clip or a wrong
// divisor shows within some ten thousand steps.
// Source: the single-step test of Nasr et al. 2023 (arXiv 2302.07956).

#include <cstdint>
#include <span>

#include <selvedge/status.h>

namespace selvedge::privacy {

// Projection of a release on the canary direction, in units of the clip norm.
//   release [P] f32, direction [P] f32 of norm 1
double CanaryStatistic(std::span<const float> release, std::span<const float> direction,
                       double divisor, double clip_norm);

struct WhiteBoxAudit {
  double mu = 0;  // distance of the two samples in pooled standard deviations
  double mu_standard_error = 0;
  double noise_multiplier = 0;  // pooled standard deviation, in units of C: estimates sigma
  double noise_standard_error = 0;
  double shift = 0;  // distance of the means, in units of C: 1 if the canary counts in full, and
                     // never more if clipping works
};

// `without` and `with` hold at least 100 statistics each; kUsage otherwise.
Result<WhiteBoxAudit> AuditReleases(std::span<const double> without, std::span<const double> with);

// Lower bound on epsilon at delta, at this confidence, from a threshold test: ln((TPR - delta) /
// FPR) with Clopper-Pearson bounds on both rates. The threshold is picked on the even samples and
// tested on the odd ones. Assumes nothing about the noise. 0 if nothing is refuted. At least 100
// statistics each; kUsage otherwise.
Result<double> WhiteBoxEpsilonLowerBound(std::span<const double> without,
                                         std::span<const double> with, double delta,
                                         double confidence);

}  // namespace selvedge::privacy
