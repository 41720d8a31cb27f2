#pragma once
// The privacy loss distribution of one Poisson-subsampled Gaussian release on an equidistant grid.
//
// Dominating pair of the "remove" direction: P = (1-q) N(0, s^2) + q N(1, s^2), Q = N(0, s^2); the
// "add" direction swaps them (Zhu, Dong, Wang 2022, arXiv 2106.08567). Masses are placed by
// connect-the-dots (Doroshenko et al. 2022, 2207.04380): the mass of a cell goes to its two ends so
// that both its P mass and its Q mass are kept, which makes delta(epsilon) exact at grid points and
// too large, never too small, between them.

#include <cstdint>
#include <vector>

namespace selvedge::privacy {

struct LossMasses {
  double step = 0;           // h, distance of grid points
  int64_t lowest = 0;        // mass[i] sits at loss (lowest + i) h
  std::vector<double> mass;  // finite losses
  double infinite = 0;       // P mass whose loss counts as infinite
};

struct LossPair {
  LossMasses remove;
  LossMasses add;
};

// Width of the losses that a grid for these parameters has to span.
double LossRange(double sampling_rate, double noise_multiplier, double tail);

// q in (0, 1], sigma > 0, step > 0. `tail` bounds the infinite mass of either direction.
LossPair DiscretiseLoss(double sampling_rate, double noise_multiplier, double step, double tail);

}  // namespace selvedge::privacy
