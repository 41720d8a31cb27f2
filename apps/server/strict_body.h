#pragma once
// JSON bodies from strangers.

#include <nlohmann/json.hpp>
#include <string>

#include <selvedge/status.h>

namespace selvedge::server {

using Json = nlohmann::ordered_json;

inline constexpr size_t kMaxBodyBytes = size_t{1} << 20;
inline constexpr int kMaxDepth = 32;

// An object without repeated keys, at most kMaxDepth deep. kFormat otherwise; never echoes content.
Result<Json> ParseBody(const std::string& text);

// Fields with a type and a range. Absent or null leaves `value` as it is; kUsage names the field.
Status ReadInt(const Json& body, const char* name, int64_t low, int64_t high, int64_t* value);
Status ReadReal(const Json& body, const char* name, double low, double high, double* value);
Status ReadBool(const Json& body, const char* name, bool* value);
Status ReadText(const Json& body, const char* name, std::string* value);

}  // namespace selvedge::server
