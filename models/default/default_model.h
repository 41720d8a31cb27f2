#pragma once
// The embedded default base model: the bytes of selvedge-default.gguf, in read-only data.

#include <cstdint>
#include <span>

namespace selvedge {

// A GGUF v3 file, aligned to 64 bytes; lives as long as the program.
std::span<const uint8_t> DefaultModelBytes();

}  // namespace selvedge
