#pragma once
// Tails of the normal distribution that stay accurate far out.

namespace selvedge::privacy {

// exp(x^2) erfc(x) for x >= -5; relative error about 1e-14. Never underflows for positive x.
double ScaledErfc(double x);

double NormalCdf(double z);       // P[N(0,1) <= z], relative accuracy in the lower tail
double NormalSurvival(double z);  // P[N(0,1) > z], relative accuracy in the upper tail

// z > 0 with P[N(0,1) > z] <= tail, for tail in (0, 0.5); at most a little larger than the
// quantile.
double NormalTailPoint(double tail);

}  // namespace selvedge::privacy
