#include <selvedge/status.h>

namespace selvedge {

const char* StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "OK";
    case StatusCode::kUsage:
      return "USAGE";
    case StatusCode::kNotFound:
      return "NOT_FOUND";
    case StatusCode::kFormat:
      return "FORMAT";
    case StatusCode::kLimit:
      return "LIMIT";
    case StatusCode::kAuth:
      return "AUTH";
    case StatusCode::kPolicy:
      return "POLICY";
    case StatusCode::kIncompatible:
      return "INCOMPATIBLE";
    case StatusCode::kDeferred:
      return "DEFERRED";
    case StatusCode::kIo:
      return "IO";
    case StatusCode::kNoSpace:
      return "NO_SPACE";
    case StatusCode::kBusy:
      return "BUSY";
    case StatusCode::kNumeric:
      return "NUMERIC";
    case StatusCode::kKeyLost:
      return "KEY_LOST";
    case StatusCode::kCancelled:
      return "CANCELLED";
    case StatusCode::kInternal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

int ExitCode(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInternal:
      return 1;
    case StatusCode::kUsage:
      return 2;
    case StatusCode::kNotFound:
      return 3;
    case StatusCode::kFormat:
    case StatusCode::kLimit:
    case StatusCode::kIncompatible:
    case StatusCode::kNumeric:
      return 4;
    case StatusCode::kAuth:
    case StatusCode::kKeyLost:
      return 5;
    case StatusCode::kPolicy:
      return 6;
    case StatusCode::kDeferred:
      return 7;
    case StatusCode::kIo:
    case StatusCode::kNoSpace:
    case StatusCode::kBusy:
      return 8;
    case StatusCode::kCancelled:
      return 130;
  }
  return 1;
}

}  // namespace selvedge
