#include <sched.h>
#include <selvedge/machine.h>

#include "core/cpu_features.h"
#include "core/memory.h"

namespace selvedge {

MachineInfo Machine() {
  MachineInfo info;
  info.cpu = core::CpuName();
  info.isa = core::IsaName(core::ActiveIsa());
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  info.cores = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  return info;
}

double PeakRssMb() { return static_cast<double>(core::PeakRssBytes()) / (1 << 20); }

}  // namespace selvedge
