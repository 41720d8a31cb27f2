#include "sdk/correlation_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "storage/untrusted/json_fields.h"

namespace selvedge {
namespace {

using Json = nlohmann::json;

Result<std::vector<double>> Numbers(const Json& list, const std::string& what) {
  const bool numbers =
      std::all_of(list.begin(), list.end(), [](const Json& v) { return v.is_number(); });
  if (!numbers) return FormatError(what + ": theta and omega must be lists of numbers");
  return list.get<std::vector<double>>();
}

}  // namespace

Json CorrelationJson(const privacy::Correlation& correlation) {
  return {{"theta", correlation.blt.theta()},
          {"omega", correlation.blt.omega()},
          {"min_separation", correlation.schema.min_separation},
          {"participations", correlation.schema.participations}};
}

Result<privacy::Correlation> ReadCorrelation(const Json& json, int64_t steps,
                                             const std::string& what) {
  if (!json.is_object()) return FormatError(what + ": must be an object");
  untrusted::JsonFields fields(json, what);
  const Json& theta = fields.Array("theta");
  const Json& omega = fields.Array("omega");
  privacy::Correlation out;
  out.schema.steps = steps;
  out.schema.min_separation = fields.Integer("min_separation", INT64_MAX);
  out.schema.participations = fields.Integer("participations", INT64_MAX);
  SELVEDGE_RETURN_IF_ERROR(fields.Finish());
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<double> decay, Numbers(theta, what));
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<double> scale, Numbers(omega, what));
  Result<privacy::Blt> blt = privacy::Blt::Create(decay, scale);
  if (!blt.ok()) return FormatError(what + ": " + blt.status().message());
  out.blt = *std::move(blt);
  if (const Status s = privacy::Check(out.schema); !s.ok()) {
    return FormatError(what + ": " + s.message());
  }
  // Who takes part is by turns, so this many participations there are.
  if ((steps - 1) / out.schema.min_separation >= out.schema.participations) {
    return FormatError(what + ": participations: fewer than the steps have turns");
  }
  return out;
}

}  // namespace selvedge
