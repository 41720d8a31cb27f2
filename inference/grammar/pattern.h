#pragma once
// Regular expressions of JSON Schema's `pattern`, as a grammar of the JSON string they describe.

#include <string>
#include <string_view>

#include <selvedge/status.h>

#include "inference/grammar/json_rules.h"

namespace selvedge::inference {

// A GBNF element for the string, with its quotation marks, whose text the expression is found in.
// The part of ECMA-262 that is understood: characters, `.`, sets [...], \d \D \w \W \s \S, escapes
// (\t \n \r \f \v \0 \xHH \uHHHH \cX and those of punctuation), groups (...) and (?:...), `|`, the
// repetitions * + ? {m} {m,} {m,n}, and `^` and `$` at the ends of the whole expression. Characters
// that JSON writes as \uHHHH (control characters but for \t \n \r \f \b) are not made.
// kIncompatible, naming the construct, for look-around, backward references, \b, \B, \p, named
// groups, lazy repetitions, and anchors elsewhere; kFormat if it is no expression, or takes no text
// that JSON can hold. kLimit above 4,096 bytes or 32 nested groups.
Result<std::string> GrammarOfPattern(std::string_view pattern, JsonRules* rules);

}  // namespace selvedge::inference
