#include "sdk/c/boundary.h"

#include <selvedge/selvedge.h>

namespace selvedge::c {
namespace {

static_assert(SELVEDGE_CANCELLED == static_cast<int>(StatusCode::kCancelled));
static_assert(SELVEDGE_INTERNAL == static_cast<int>(StatusCode::kInternal));

std::string& LastError() {
  thread_local std::string message;
  return message;
}

}  // namespace

selvedge_status Report(const Status& status) {
  if (!status.ok()) LastError() = status.message();
  return static_cast<selvedge_status>(status.code());
}

}  // namespace selvedge::c

extern "C" {

const char* selvedge_version(void) { return selvedge::Version(); }

const char* selvedge_status_name(selvedge_status status) {
  if (status < SELVEDGE_OK || status > SELVEDGE_INTERNAL) return "UNKNOWN";
  return selvedge::StatusCodeName(static_cast<selvedge::StatusCode>(status));
}

const char* selvedge_last_error(void) { return selvedge::c::LastError().c_str(); }

}  // extern "C"
