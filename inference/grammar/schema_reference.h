#pragma once
// Where a JSON Schema points to.

#include <nlohmann/json.hpp>
#include <string>

#include <selvedge/status.h>

namespace selvedge::inference {

using SchemaJson = nlohmann::ordered_json;

// Null if an object has no such member.
const SchemaJson* FindMember(const SchemaJson& object, const std::string& name);

// What "#/..." names within the document (RFC 6901). kIncompatible for another kind of reference,
// kFormat if it leads nowhere.
Result<const SchemaJson*> ResolveReference(const SchemaJson& document, const std::string& pointer);

}  // namespace selvedge::inference
