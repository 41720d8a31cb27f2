#pragma once
// What an attacker can tell for certain: a lower bound on epsilon, for the other end of the
// bracket.

#include <vector>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

namespace selvedge::privacy {

// The releases of one event kind, added up, are a function of the releases: with the canary group
// N(K, T sigma^2), K ~ Bin(T, q), without it N(0, T sigma^2). The likelihood ratio grows with the
// sum, so the best test is a threshold and its delta(epsilon) has a closed form; what the sum
// tells, the releases tell (post-processing). Of several kinds the most telling one counts. With
// full batches of one kind the sum is sufficient and the bound exact, up to 1e-9 of itself. Rounded
// down. kUsage if an event or delta is out of range.
Result<double> EpsilonLowerBound(const std::vector<MechanismEvent>& events, double delta);

}  // namespace selvedge::privacy
