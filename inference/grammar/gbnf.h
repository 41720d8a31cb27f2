#pragma once
// Grammars in GBNF, the notation of llama.cpp: rules `name ::= body`, of which `root` is the text.
// docs/inference.md lists what a body may hold.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "inference/grammar/code_points.h"

namespace selvedge::inference {

// What a rule's body says, as a tree.
struct GbnfExpr {
  enum class Kind : uint8_t { kLiteral, kClass, kRule, kSequence, kChoice, kRepeat };
  static constexpr uint32_t kNoMost = UINT32_MAX;

  Kind kind = Kind::kSequence;
  std::string literal;             // kLiteral: bytes
  CodePointSet points;             // kClass
  uint32_t rule = 0;               // kRule: index
  uint32_t least = 0, most = 0;    // kRepeat, of the only child
  std::vector<GbnfExpr> children;  // kSequence, kChoice, kRepeat
};

struct GbnfRules {
  std::vector<std::string> names;
  std::vector<GbnfExpr> bodies;  // [names.size()]
  uint32_t root = 0;
};

// kFormat, with line and column, if the text is no grammar, names a rule that it does not define or
// defines one twice, or has no root; kLimit above kMostGbnfBytes or when parentheses nest deeper
// than kMostGbnfDepth. Text of the grammar is never repeated in the message, but for names of
// rules.
inline constexpr size_t kMostGbnfBytes = size_t{1} << 20;
inline constexpr size_t kMostGbnfDepth = 64;
Result<GbnfRules> ParseGbnf(std::string_view text);

}  // namespace selvedge::inference
