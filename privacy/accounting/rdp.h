#pragma once
// Renyi differential privacy of the Poisson-subsampled Gaussian mechanism.
//
// Source: Mironov, Talwar, Zhang 2019 (arXiv 1908.10530), section 3.3. Conversion to (epsilon,
// delta): Canonne, Kamath, Steinke 2020 (2004.00010), Proposition 12.

#include <span>

#include <selvedge/privacy.h>

namespace selvedge::privacy {

// RDP of one release at `order` > 1: ln(A) / (order - 1) with
//   A = E_{x ~ N(0, sigma^2)} [((1 - q) + q exp((2x - 1) / (2 sigma^2)))^order].
// Integer orders by the binomial sum, others by quadrature; rounded up by a few units in the last
// place. q in [0, 1], sigma > 0.
double SampledGaussianRdp(double sampling_rate, double noise_multiplier, double order);

// Smallest epsilon >= 0 that RDP `rdp` at `order` proves at delta.
double EpsilonFromRdp(double rdp, double order, double delta);

// Epsilon of the composed events by the best order, searched on a grid and then continuously.
double RdpEpsilon(std::span<const MechanismEvent> events, double delta);

}  // namespace selvedge::privacy
