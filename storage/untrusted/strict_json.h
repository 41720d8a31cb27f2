#pragma once
// JSON from outside, more strictly than the library reads it.

#include <nlohmann/json.hpp>
#include <string_view>

#include <selvedge/status.h>

namespace selvedge::untrusted {

// One JSON object. kFormat (prefixed with `what`) for a byte order mark, NUL, text that is no
// UTF-8, a key that is there twice, nesting deeper than 8, or anything that is no JSON. The message
// never quotes a value.
Result<nlohmann::json> ParseObject(std::string_view text, const std::string& what);

}  // namespace selvedge::untrusted
