#pragma once
// Public text for the trainer's frozen A's.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <selvedge/status.h>

#include "sdk/base_model.h"

namespace selvedge {

// What the base model writes by itself from <s> on, drawn at temperature 1: kBasisSequences
// sequences of at most kBasisTokens ids. No record has any part in it, so what is derived from it
// costs no privacy. Empty if `should_stop` said so; it is asked before every token.
Result<std::vector<std::vector<int32_t>>> BasisText(const BaseModel& base, uint64_t seed,
                                                    int threads,
                                                    const std::function<bool()>& should_stop);

inline constexpr int kBasisSequences = 16;
inline constexpr int kBasisTokens = 64;

}  // namespace selvedge
