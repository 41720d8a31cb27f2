#include "storage/untrusted/json_fields.h"

#include <cmath>
#include <utility>

#include "storage/untrusted/quote.h"

namespace selvedge::untrusted {

using Json = nlohmann::json;

JsonFields::JsonFields(const Json& object, std::string what)
    : object_(object), what_(std::move(what)) {
  if (!object_.is_object()) status_ = FormatError(what_ + ": must be an object");
}

std::string JsonFields::Text(const char* name) {
  const Json* field = Find(name, &Json::is_string, "a string");
  return field == nullptr ? "" : field->get<std::string>();
}

std::string JsonFields::Digest(const char* name, bool may_be_empty) {
  std::string text = Text(name);
  const bool hex =
      text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!hex && !(may_be_empty && text.empty())) Fail(name, "64 hexadecimal digits");
  return text;
}

double JsonFields::Number(const char* name) {
  const Json* field = Find(name, &Json::is_number, "a number");
  const double number = field == nullptr ? 0 : field->get<double>();
  if (number >= 0 && std::isfinite(number)) return number;
  Fail(name, "a number of at least 0");
  return 0;
}

int64_t JsonFields::Integer(const char* name, int64_t max) {
  const Json* field = Find(name, &Json::is_number_integer, "an integer");
  if (field == nullptr) return 0;
  if (*field < 0 || *field > max) {
    Fail(name, "0 to " + std::to_string(max));
    return 0;
  }
  return field->get<int64_t>();
}

bool JsonFields::Boolean(const char* name) {
  const Json* field = Find(name, &Json::is_boolean, "true or false");
  return field != nullptr && field->get<bool>();
}

std::vector<std::string> JsonFields::Texts(const char* name) {
  std::vector<std::string> out;
  const Json* field = Find(name, &Json::is_array, "a list of strings");
  if (field == nullptr) return out;
  for (const Json& item : *field) {
    if (!item.is_string()) {
      Fail(name, "a list of strings");
      return {};
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

const Json& JsonFields::Object(const char* name) {
  static const Json empty = Json::object();
  const Json* field = Find(name, &Json::is_object, "an object");
  return field == nullptr ? empty : *field;
}

const Json& JsonFields::Array(const char* name) {
  static const Json empty = Json::array();
  const Json* field = Find(name, &Json::is_array, "a list");
  return field == nullptr ? empty : *field;
}

void JsonFields::Fail(const std::string& name, const std::string& allowed) {
  if (status_.ok()) {
    status_ = FormatError(what_ + ": field '" + name + "': must be " + allowed);
  }
}

Status JsonFields::Finish() const {
  if (!status_.ok()) return status_;
  for (const auto& [name, value] : object_.items()) {
    if (taken_.contains(name) || name.starts_with("x_")) continue;
    return IncompatibleError(what_ + ": field " + Quote(name) +
                             ": not known to this version of Selvedge");
  }
  return OkStatus();
}

const Json* JsonFields::Find(const char* name, Is is, const char* allowed) {
  taken_.insert(name);
  if (!object_.is_object()) return nullptr;
  const auto it = object_.find(name);
  if (it != object_.end() && ((*it).*is)()) return &*it;
  Fail(name, allowed);
  return nullptr;
}

}  // namespace selvedge::untrusted
