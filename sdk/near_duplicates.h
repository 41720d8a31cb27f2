#pragma once
// Records that say nearly the same in different privacy groups: what stands in k groups is
// protected k times less, so the owner is told before training (docs/privacy/threat_model.md).
// Nothing is left out because of it: what one group holds must not decide whether another one
// trains.

#include <cstdint>
#include <vector>

#include "storage/vault/records.h"

namespace selvedge {

// How many of the records share at least four fifths of their three-word shingles (Jaccard
// similarity, ASCII letters in lower case) with a record of another group. Candidates come from
// MinHash bands, which miss a pair at the threshold with probability 0.1 % and less above it.
// Records of fewer than three words are compared as a whole.
int64_t CountNearDuplicates(const std::vector<vault::EligibleRecord>& records);

}  // namespace selvedge
