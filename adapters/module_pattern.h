#pragma once
// rank_pattern and alpha_pattern of a PEFT configuration: modules whose rank or alpha is not the
// adapter's.

#include <map>
#include <string>
#include <string_view>

#include <selvedge/status.h>
#include <nlohmann/json.hpp>

namespace selvedge::adapters {

// The value of each name. PEFT takes the names for regular expressions that the end of a module's
// name must match, after a dot if it is not the whole name; names with more than letters, digits,
// "_", "." (or "\.") and a "^" in front are refused (kIncompatible), so that a name matches what it
// says.
class ModulePattern {
 public:
  // `field` is in the messages. Values are numbers above 0 and at most `most`, whole ones if
  // `whole`; null is the same as no names. kFormat, kLimit, kIncompatible.
  static Result<ModulePattern> Read(const nlohmann::json& value, const std::string& field,
                                    double most, bool whole);

  // The value for a module, e.g. "model.layers.0.self_attn.q_proj", or `other` if no name matches
  // it. kIncompatible if two names with different values do: PEFT goes by the order in the file.
  Result<double> Of(std::string_view module, double other) const;

  void Set(const std::string& module, double value) { values_["^" + module] = value; }
  nlohmann::json ToJson() const;

 private:
  std::string field_;
  std::map<std::string, double> values_;  // names with "^" where they were so
};

}  // namespace selvedge::adapters
