#pragma once
// Correlated noise as JSON, the same in a job's plan, in its ledger row and in its receipt.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include <selvedge/status.h>

#include "privacy/correlated/correlation.h"

namespace selvedge {

// {"theta": [..], "omega": [..], "min_separation": b, "participations": k}
nlohmann::json CorrelationJson(const privacy::Correlation& correlation);

// kFormat, with `what` in front, if it is not such an object or its numbers are out of range.
Result<privacy::Correlation> ReadCorrelation(const nlohmann::json& json, int64_t steps,
                                             const std::string& what);

}  // namespace selvedge
