#pragma once
// Poisson sampling of groups: each is taken with probability q, independently of all others.

#include <cmath>
#include <cstdint>
#include <vector>

namespace selvedge::privacy {

// Indices of the groups taken out of [0, group_count), ascending; may be empty. q in [0, 1].
// A group is taken if a uniform 64-bit integer is below floor(q 2^64): an integer comparison with
// no floating-point rounding of the draw. The floor loses at most 2^-64 of the rate, and a lower
// rate never costs more privacy, so the accounted q is an upper bound of the used one.
// Source needs `uint64_t NextU64()`.
template <class Source>
std::vector<uint32_t> SamplePoisson(double q, uint32_t group_count, Source& source) {
  std::vector<uint32_t> taken;
  if (q >= 1) {
    taken.resize(group_count);
    for (uint32_t i = 0; i < group_count; ++i) taken[i] = i;
    return taken;
  }
  const auto threshold = static_cast<uint64_t>(std::ldexp(q, 64));
  for (uint32_t i = 0; i < group_count; ++i) {
    if (source.NextU64() < threshold) taken.push_back(i);
  }
  return taken;
}

}  // namespace selvedge::privacy
