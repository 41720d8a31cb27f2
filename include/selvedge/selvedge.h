#pragma once
// Everything of the C++ API.

#include <selvedge/adapters.h>
#include <selvedge/audit.h>
#include <selvedge/bench.h>
#include <selvedge/engine.h>
#include <selvedge/home.h>
#include <selvedge/machine.h>
#include <selvedge/model_tools.h>
#include <selvedge/privacy.h>
#include <selvedge/status.h>

namespace selvedge {

// "MAJOR.MINOR.PATCH"
const char* Version();

}  // namespace selvedge
