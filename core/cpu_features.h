#pragma once
// What this processor can do, and the instruction set that the kernels use.

#include <string>

namespace selvedge::core {

// Ordered: a higher one includes what the lower ones of its family can do.
enum class Isa { kScalar, kAvx2, kAvx512, kAvx512Vnni, kNeon, kDotProd, kI8mm };

// The best that processor, system and build allow;
// SELVEDGE_FORCE_ISA=scalar|avx2|avx512|avx512vnni|neon|dotprod|i8mm lowers it (an ISA that is not
// available is ignored). Chosen once.
Isa ActiveIsa();
bool IsaAvailable(Isa isa);  // processor and system can run it
// SHA-256 instructions (x86), unless SELVEDGE_FORCE_ISA=scalar.
bool HasShaInstructions();
const char* IsaName(Isa isa);
std::string CpuName();  // e.g. from /proc/cpuinfo, "unknown" if it cannot be read

}  // namespace selvedge::core
