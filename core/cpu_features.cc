#include "core/cpu_features.h"

#include <cstdlib>
#include <cstring>
#include <fstream>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace selvedge::core {
namespace {

constexpr Isa kAll[] = {Isa::kScalar, Isa::kAvx2,    Isa::kAvx512, Isa::kAvx512Vnni,
                        Isa::kNeon,   Isa::kDotProd, Isa::kI8mm};

#if defined(__x86_64__)

bool Bit(uint32_t word, int bit) { return (word >> bit & 1) != 0; }

uint64_t ReadXcr0() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

// Bit numbers: Intel SDM volume 2A, CPUID leaves 1 and 7; volume 1, section 13.3 for XCR0.
Isa Detect() {
  uint32_t a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return Isa::kScalar;
  const bool fma = Bit(c, 12), osxsave = Bit(c, 27), avx = Bit(c, 28), f16c = Bit(c, 29);
  if (!(fma && osxsave && avx && f16c)) return Isa::kScalar;
  const uint64_t xcr0 = ReadXcr0();
  if ((xcr0 & 0x06) != 0x06) return Isa::kScalar;  // the system saves XMM and YMM
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || !Bit(b, 5)) return Isa::kScalar;
  const bool avx512 = Bit(b, 16) && Bit(b, 17) && Bit(b, 30) && Bit(b, 31);  // F DQ BW VL
  if (!avx512 || (xcr0 & 0xE6) != 0xE6) return Isa::kAvx2;                   // and opmask, ZMM
  return Bit(c, 11) ? Isa::kAvx512Vnni : Isa::kAvx512;
}

#elif defined(__aarch64__)

Isa Detect() {
#if defined(__linux__)
  constexpr unsigned long kAsimdDp = 1ul << 20;  // HWCAP_ASIMDDP
  constexpr unsigned long kI8mm = 1ul << 13;     // HWCAP2_I8MM
  if ((::getauxval(AT_HWCAP) & kAsimdDp) == 0) return Isa::kNeon;
  return (::getauxval(AT_HWCAP2) & kI8mm) != 0 ? Isa::kI8mm : Isa::kDotProd;
#else
  return Isa::kNeon;
#endif
}

#else

Isa Detect() { return Isa::kScalar; }

#endif

Isa Choose() {
  const Isa best = Detect();
  const char* forced = std::getenv("SELVEDGE_FORCE_ISA");
  if (forced == nullptr) return best;
  for (const Isa isa : kAll) {
    if (std::strcmp(forced, IsaName(isa)) == 0 && IsaAvailable(isa)) return isa;
  }
  return best;
}

}  // namespace

bool IsaAvailable(Isa isa) {
  static const Isa best = Detect();
  if (isa == Isa::kScalar) return true;
  const bool arm = isa >= Isa::kNeon;
  return arm == (best >= Isa::kNeon) && isa <= best;
}

Isa ActiveIsa() {
  static const Isa active = Choose();
  return active;
}

bool HasShaInstructions() {
#if defined(__x86_64__)
  static const bool has = [] {
    uint32_t a, b, c, d;
    if (ActiveIsa() == Isa::kScalar || __get_cpuid(1, &a, &b, &c, &d) == 0) return false;
    if (!Bit(c, 9) || !Bit(c, 19)) return false;  // SSSE3, SSE4.1
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && Bit(b, 29);
  }();
  return has;
#else
  return false;
#endif
}

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vnni:
      return "avx512vnni";
    case Isa::kNeon:
      return "neon";
    case Isa::kDotProd:
      return "dotprod";
    case Isa::kI8mm:
      return "i8mm";
  }
  return "scalar";
}

std::string CpuName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) != 0 && line.rfind("Hardware", 0) != 0) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace selvedge::core
