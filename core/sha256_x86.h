#pragma once
// SHA-256 with the processor's SHA instructions, about seven times as fast as without.

#include <cstddef>
#include <cstdint>

namespace selvedge::core {

// state[8] after `blocks` blocks of 64 bytes. Only where core::HasShaInstructions().
// Source: FIPS 180-4, section 6.2.
void Sha256Blocks_ShaNi(uint32_t* state, const uint8_t* data, size_t blocks);

}  // namespace selvedge::core
