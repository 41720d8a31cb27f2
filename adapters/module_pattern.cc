// Source: huggingface/peft, utils/other.py, get_pattern_key: re.match(rf"(.*\.)?({key})$", module).
#include "adapters/module_pattern.h"

#include <cmath>
#include <cstdint>

#include "storage/untrusted/quote.h"

namespace selvedge::adapters {
namespace {

using untrusted::Quote;

// The name that a key of the pattern stands for, "^" kept; empty if it is more than a name.
std::string PlainName(std::string_view key) {
  std::string name;
  for (size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '.';
    const bool escaped_dot = c == '\\' && i + 1 < key.size() && key[i + 1] == '.';
    if (!letter && !escaped_dot && !(c == '^' && i == 0)) return "";
    if (!escaped_dot) name += c;
  }
  return name == "^" ? "" : name;
}

bool Matches(std::string_view name, std::string_view module) {
  if (name.starts_with('^')) return module == name.substr(1);
  if (!module.ends_with(name)) return false;
  return module.size() == name.size() || module[module.size() - name.size() - 1] == '.';
}

}  // namespace

Result<ModulePattern> ModulePattern::Read(const nlohmann::json& value, const std::string& field,
                                          double most, bool whole) {
  ModulePattern pattern;
  pattern.field_ = field;
  if (value.is_null()) return pattern;
  const std::string where = "adapter_config.json: field '" + field + "'";
  if (!value.is_object()) return FormatError(where + ": must be an object");
  for (const auto& [key, item] : value.items()) {
    const std::string name = PlainName(key);
    if (name.empty()) {
      return IncompatibleError(where + ": " + Quote(key) +
                               ": regular expressions are not supported, names of modules are");
    }
    const double number = item.is_number() ? item.get<double>() : 0;
    if (!(number > 0) || (whole && !item.is_number_integer())) {
      return FormatError(where + ": " + Quote(key) + ": must be a positive " +
                         (whole ? "integer" : "number"));
    }
    if (number > most) {
      return LimitError(where + ": " + Quote(key) + ": at most " +
                        std::to_string(static_cast<int64_t>(most)) + " allowed");
    }
    pattern.values_[name] = number;
  }
  return pattern;
}

Result<double> ModulePattern::Of(std::string_view module, double other) const {
  bool found = false;
  for (const auto& [name, value] : values_) {
    if (!Matches(name, module)) continue;
    if (found && value != other) {
      return IncompatibleError("adapter_config.json: field '" + field_ + "': two names match " +
                               Quote(module) + ", with different values");
    }
    found = true;
    other = value;
  }
  return other;
}

nlohmann::json ModulePattern::ToJson() const {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : values_) {
    if (value == std::floor(value)) {
      json[name] = static_cast<int64_t>(value);
    } else {
      json[name] = value;
    }
  }
  return json;
}

}  // namespace selvedge::adapters
