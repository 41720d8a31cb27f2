#pragma once
// The Gaussian mechanism without sampling, in closed form.
//
// mu is the sensitivity divided by the noise standard deviation. T releases with multiplier sigma
// are one release with mu = sqrt(T) / sigma, and different releases add in squares.
// Source: Balle and Wang 2018 (arXiv 1805.06530), Theorem 8; Dong, Roth, Su 2019 (1905.02383).

namespace selvedge::privacy {

// ln delta(epsilon), where delta = Phi(-eps/mu + mu/2) - e^eps Phi(-eps/mu - mu/2). mu > 0; epsilon
// may be negative.
double GaussianLogDelta(double epsilon, double mu);
double GaussianDelta(double epsilon, double mu);

// Smallest epsilon >= 0 with delta(epsilon) <= delta, rounded up. mu >= 0, delta in (0, 1).
double GaussianEpsilon(double mu, double delta);

}  // namespace selvedge::privacy
