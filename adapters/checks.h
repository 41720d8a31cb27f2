#pragma once
// What every adapter must satisfy, wherever it came from.

#include <cstdint>

#include <selvedge/status.h>

#include "adapters/lora.h"
#include "adapters/store.h"

namespace selvedge::adapters {

inline constexpr uint32_t kMaxRank = 4096;
inline constexpr double kMaxAlpha = 1e6;
// Far above anything training gives (a fresh A has a norm of sqrt(r / 3), a weight of a model of
// one billion parameters about 100), far below what overflows in f32.
inline constexpr double kMaxFactorNorm = 1e4;  // Frobenius norm of A and of B
inline constexpr double kMaxUpdateNorm = 1e5;  // scale |A| |B|, a bound of the norm of the update

// Names are places of the base, sorted and unique; sizes agree with each other and with the base
// (kFormat); every value is finite and the norms are within the limits (kNumeric).
Status CheckAdapter(const LoraAdapter& adapter, const BaseShape& base);

// The part of CheckAdapter that needs no base.
Status CheckNumbers(const LoraAdapter& adapter);

}  // namespace selvedge::adapters
