#pragma once
// JSON Schema's `allOf` of objects, as one schema of an object.

#include "inference/grammar/schema_reference.h"

namespace selvedge::inference {

// The object schema with the properties and the required names of all members of `schema`'s allOf,
// of what they refer to, and of `schema` itself. kIncompatible, naming the keyword, if a member
// says anything but type "object", properties, required, $ref or allOf, if two members describe a
// property differently, or if it refers to itself.
Result<SchemaJson> MergeAllOf(const SchemaJson& document, const SchemaJson& schema);

// Keywords that say nothing about what is allowed.
bool IsAnnotation(const std::string& keyword);

}  // namespace selvedge::inference
