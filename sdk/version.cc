#include <selvedge/selvedge.h>

namespace selvedge {

const char* Version() { return SELVEDGE_VERSION; }

}  // namespace selvedge
