#pragma once
// The GBNF rules that grammars of JSON texts share.

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace selvedge::inference {

// A grammar under construction. Rules of JSON itself are added when they are first named.
class JsonRules {
 public:
  // The name of a rule of JSON: "space", "string", "character", "number", "integer", "value",
  // "object" or "array", or of the text within a string of one of JSON Schema's formats:
  // "format-date", "-time", "-date-time", "-uuid", "-email" or "-ipv4"; with all that it needs.
  std::string Use(const std::string& name);
  // Adds a rule whose name is not one of those.
  void Add(const std::string& name, const std::string& body) { rules_[name] = body; }
  // The whole grammar.
  std::string Text(const std::string& root) const;

 private:
  std::map<std::string, std::string> rules_;
};

// A literal of GBNF that stands for the text.
std::string GbnfLiteral(std::string_view text);

}  // namespace selvedge::inference
