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
      // RFC 3339, section 5.6; 29 February is not made, which not every year has.
      {"format-date",
       R"([0-9]{4} "-" ("02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]) | ("04" | "06" | "09" | "11") "-" ("0" [1-9] | [12] [0-9] | "30") | ("01" | "03" | "05" | "07" | "08" | "10" | "12") "-" ("0" [1-9] | [12] [0-9] | "3" [01])))",
       {}},
      {"format-hour", R"([01] [0-9] | "2" [0-3])", {}},
      {"format-time",
       R"(format-hour ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? ("Z" | [-+] format-hour ":" [0-5] [0-9]))",
       {"format-hour"}},
      {"format-date-time", R"(format-date "T" format-time)", {"format-date", "format-time"}},
      // RFC 9562, section 4
      {"format-uuid", R"([0-9a-fA-F]{8} ("-" [0-9a-fA-F]{4}){3} "-" [0-9a-fA-F]{12})", {}},
      // RFC 5321, section 4.1.2: the usual among the mailboxes, within its lengths
      {"format-atom", R"([0-9A-Za-z_+\-]{1,20})", {}},
      {"format-label", R"([0-9A-Za-z] ([0-9A-Za-z\-]{0,18} [0-9A-Za-z])?)", {}},
      {"format-email",
       R"(format-atom ("." format-atom){0,2} "@" format-label ("." format-label){0,4} "." [A-Za-z]{2,10})",
       {"format-atom", "format-label"}},
      // RFC 2673, section 3.2
      {"format-octet", R"("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])", {}},
      {"format-ipv4", R"(format-octet ("." format-octet){3})", {"format-octet"}},
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
