#pragma once
// What the owner adds to redaction: names of contacts, words, patterns, and types to leave alone.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/privacy.h>

#include "privacy/redaction/detector.h"

namespace selvedge {

struct RedactionRules::Compiled {
  struct Phrase {
    std::vector<std::string> words;  // lower case, diacritics folded
    std::string type;
    bool any_case = false;  // false: in running text only with a capital
  };
  struct Pattern {
    std::string shape;  // '#' a digit, '@' a letter, '*' either; anything else stands for itself
    std::string type;
  };

  std::map<std::string, std::vector<Phrase>> phrases;  // by first word
  std::vector<Pattern> patterns;
  std::set<std::string> keep;  // types that are not redacted
  // The whole name of the contact that each part of a name stands for, as in `phrases`; empty where
  // several contacts share the part.
  std::map<std::string, std::string> contacts;
};

namespace privacy {

struct TypedMatch {
  Match match;
  std::string type;
};

// The whole name, in lower case and ASCII, of the only contact of the rules whose name or part of a
// name `name` is; empty if there is none.
std::string ContactOf(const RedactionRules::Compiled& rules, std::string_view name);

// Matches of the owner's rules, ascending and disjoint.
std::vector<TypedMatch> FindByRules(const FoldedText& text, const RedactionRules::Compiled& rules);

}  // namespace privacy
}  // namespace selvedge
