#include "inference/grammar/json_rules.h"

#include <utility>
#include <vector>

namespace selvedge::inference {
namespace {

struct JsonRule {
  const char* name;
  const char* body;
  std::vector<const char*> uses;
};

// Numbers are kept within what a double holds, escapes to characters that stand alone, and blanks
// to a few: a model may otherwise go on with them for ever. Source: RFC 8259.
const std::vector<JsonRule>& RulesOfJson() {
  static const std::vector<JsonRule> rules = {
      {"space", R"((" " | "\n" [ \t]{0,16})?)", {}},
      {"character",
       R"([^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" ([0-9a-cA-Ce-fE-F] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2})))",
       {}},
      {"string", R"("\"" character* "\"")", {"character"}},
      {"integer", R"("-"? ("0" | [1-9] [0-9]{0,15}))", {}},
      {"number", R"(integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?)", {"integer"}},
      {"object",
       R"("{" space (string ":" space value ("," space string ":" space value)*)? space "}")",
       {"space", "string", "value"}},
      {"array", R"("[" space (value ("," space value)*)? space "]")", {"space", "value"}},
      {"value",
       R"(object | array | string | number | "true" | "false" | "null")",
       {"object", "array", "string", "number"}},
  };
  return rules;
}

}  // namespace

std::string JsonRules::Use(const std::string& name) {
  for (const JsonRule& rule : RulesOfJson()) {
    if (name != rule.name || !rules_.emplace(name, rule.body).second) continue;
    for (const char* used : rule.uses) Use(used);
  }
  return name;
}

std::string JsonRules::Text(const std::string& root) const {
  std::string text = "root ::= " + root + "\n";
  for (const auto& [name, body] : rules_) text += name + " ::= " + body + "\n";
  return text;
}

std::string GbnfLiteral(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') literal.push_back('\\');
    literal.push_back(c);
  }
  return literal + "\"";
}

}  // namespace selvedge::inference
