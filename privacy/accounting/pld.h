#pragma once
// Epsilon by composing privacy loss distributions numerically.
//
// Source: Koskela, Jaelkoe, Honkela 2020 (arXiv 1906.03049); Gopi, Lee, Wutschitz 2021
// (2106.02848); discretisation in pld_grid.h. Both directions of the neighbouring relation are
// composed apart, and the larger epsilon is reported: composing only the worse single step is not
// sound (Lebeda et al. 2024, 2405.20769).

#include <span>

#include <selvedge/privacy.h>

namespace selvedge::privacy {

// Upper bound on epsilon at delta; infinity where the method has none to offer (delta below what
// its truncation and round-off allow, or more than 1e8 releases).
double PldEpsilon(std::span<const MechanismEvent> events, double delta);

}  // namespace selvedge::privacy
