#pragma once
// JSON Schema (draft 2020-12) to a GBNF grammar whose texts are JSON that the schema allows.

#include <string>
#include <string_view>

#include <selvedge/status.h>

namespace selvedge::inference {

// Keywords: type, enum, const, anyOf, oneOf, $ref within the document, properties, required,
// additionalProperties, items, minItems, maxItems, minLength, maxLength, and annotations. oneOf is
// taken as anyOf; where properties are listed no others are made, in the order of the list.
// kFormat if the text is no JSON or a keyword has a wrong value; kIncompatible, by name, for other
// keywords and combinations; kLimit for a text over 1 MiB or nested deeper than 64.
Result<std::string> GrammarOfJsonSchema(std::string_view schema);

// Any JSON object.
std::string GrammarOfAnyJsonObject();

}  // namespace selvedge::inference
