#pragma once
// What a measurement has to say about the machine it was made on.

#include <string>

namespace selvedge {

struct MachineInfo {
  std::string cpu;  // e.g. "AMD EPYC 7B13"; "unknown" if the system does not tell
  std::string isa;  // instruction set that the kernels use: "scalar", "avx2", ...
  int cores = 0;    // that this process may run on
};

MachineInfo Machine();

// Largest resident set of this process so far, in MiB; 0 if the system does not tell.
double PeakRssMb();

}  // namespace selvedge
