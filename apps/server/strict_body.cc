#include "apps/server/strict_body.h"

#include <set>
#include <vector>

namespace selvedge::server {
namespace {

// The value of a field that is there and not null.
const Json* Find(const Json& body, const char* name) {
  const auto it = body.find(name);
  return it == body.end() || it->is_null() ? nullptr : &*it;
}

Status Wrong(const char* name, const std::string& allowed) {
  return UsageError(std::string(name) + ": " + allowed + " is allowed");
}

}  // namespace

Result<Json> ParseBody(const std::string& text) {
  std::vector<std::set<std::string>> keys;
  std::string problem;
  const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) problem = "nested too deep";
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys.back().insert(parsed.get<std::string>()).second) {
      problem = "a key stands twice";
    }
    return true;
  };
  Json body = Json::parse(text, look, /*allow_exceptions=*/false);
  if (body.is_discarded()) problem = "no JSON";
  if (problem.empty() && !body.is_object()) problem = "no object";
  if (!problem.empty()) return FormatError("body: " + problem);
  return body;
}

Status ReadInt(const Json& body, const char* name, int64_t low, int64_t high, int64_t* value) {
  const Json* field = Find(body, name);
  if (field == nullptr) return OkStatus();
  const bool fits = field->is_number_integer() &&
                    !(field->is_number_unsigned() && field->get<uint64_t>() > INT64_MAX) &&
                    field->get<int64_t>() >= low && field->get<int64_t>() <= high;
  if (!fits) {
    return Wrong(name,
                 "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  *value = field->get<int64_t>();
  return OkStatus();
}

Status ReadReal(const Json& body, const char* name, double low, double high, double* value) {
  const Json* field = Find(body, name);
  if (field == nullptr) return OkStatus();
  if (!field->is_number() || !(field->get<double>() >= low && field->get<double>() <= high)) {
    return Wrong(name, "a number from " + Json(low).dump() + " to " + Json(high).dump());
  }
  *value = field->get<double>();
  return OkStatus();
}

Status ReadBool(const Json& body, const char* name, bool* value) {
  const Json* field = Find(body, name);
  if (field == nullptr) return OkStatus();
  if (!field->is_boolean()) return Wrong(name, "true or false");
  *value = field->get<bool>();
  return OkStatus();
}

Status ReadText(const Json& body, const char* name, std::string* value) {
  const Json* field = Find(body, name);
  if (field == nullptr) return OkStatus();
  if (!field->is_string()) return Wrong(name, "a text");
  *value = field->get<std::string>();
  return OkStatus();
}

}  // namespace selvedge::server
