#pragma once
// Records that say nearly the same in different privacy groups: what stands in k groups is
// protected k times less, so by default one group keeps it and the others train without it
// (docs/privacy/threat_model.md).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sdk/train_data.h"
#include "storage/vault/records.h"

namespace selvedge {

// Indices, ascending, of the records that share at least four fifths of their three-word shingles
// (Jaccard similarity, ASCII letters in lower case) with an earlier record of another group that is
// not among them itself: without them, no two groups hold nearly the same text. Candidates come
// from MinHash bands, which miss a pair at the threshold with probability 0.1 % and less above it.
// Records of fewer than three words are compared as a whole.
std::vector<size_t> FindNearDuplicates(const std::vector<vault::EligibleRecord>& records);

// The same among the records of both parts, in order of arrival: what is held out must not nearly
// repeat what is trained on either. They are left out of `selection` unless `keep`. Returns how
// many there are.
int64_t LeaveOutNearDuplicates(bool keep, TrainSelection* selection);

}  // namespace selvedge
