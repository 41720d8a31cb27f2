#include "privacy/redaction/redaction_rules.h"

#include <algorithm>

#include "privacy/redaction/text_words.h"

namespace selvedge {
namespace {

using privacy::FoldedText;
using privacy::Match;
using privacy::TextWord;
using privacy::TypedMatch;
using Compiled = RedactionRules::Compiled;

constexpr size_t kMaxRules = 100000;
constexpr size_t kMaxType = 32;
constexpr size_t kMinPart = 3;  // letters of a part of a name that is looked for by itself
constexpr size_t kMinPattern = 4;
constexpr std::string_view kName = "PERSON";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Cuts the first word off *rest.
std::string_view TakeWord(std::string_view* rest) {
  const size_t end = std::min(rest->find_first_of(" \t"), rest->size());
  const std::string_view word = rest->substr(0, end);
  *rest = Trim(rest->substr(end));
  return word;
}

bool IsType(std::string_view type) {
  return !type.empty() && type.size() <= kMaxType && privacy::IsUpper(type[0]) &&
         privacy::IsUpper(type.back()) &&
         std::all_of(type.begin(), type.end(),
                     [](char c) { return privacy::IsUpper(c) || c == '_'; }) &&
         type.find("__") == type.npos;
}

Status RuleError(int64_t line, const std::string& got) {
  return FormatError("redaction rules: line " + std::to_string(line) + ": " + got);
}

void AddPhrase(std::string_view phrase, std::string_view type, bool any_case, Compiled* rules) {
  const FoldedText folded(phrase);
  Compiled::Phrase entry{{}, std::string(type), any_case};
  for (const TextWord& word : privacy::ReadWords(folded)) {
    entry.words.push_back(privacy::LowerWord(folded, word));
  }
  if (!entry.words.empty()) rules->phrases[entry.words[0]].push_back(std::move(entry));
}

// The words of a name in lower case, one space between them; empty if a letter has no ASCII form,
// because all such letters look alike when they are folded.
std::string NameKey(const FoldedText& folded) {
  if (folded.view().find(privacy::kOtherLetter) != std::string_view::npos) return "";
  std::string key;
  for (const TextWord& word : privacy::ReadWords(folded)) {
    key.append(key.empty() ? "" : " ").append(privacy::LowerWord(folded, word));
  }
  return key;
}

// A contact: the whole name in any writing, and each longer part of it.
void AddName(std::string_view name, Compiled* rules) {
  AddPhrase(name, kName, true, rules);
  const FoldedText folded(name);
  const std::string whole = NameKey(folded);
  const auto add_contact = [&](const std::string& part) {
    const auto [at, is_new] = rules->contacts.emplace(part, whole);
    if (!is_new && at->second != whole) at->second.clear();
  };
  add_contact(whole);
  for (const TextWord& word : privacy::ReadWords(folded)) {
    if (word.end - word.begin < kMinPart) continue;
    AddPhrase(folded.view().substr(word.begin, word.end - word.begin), kName, false, rules);
    add_contact(privacy::LowerWord(folded, word));
  }
}

Status AddRule(std::string_view rule, int64_t line, Compiled* rules) {
  std::string_view rest = rule;
  const std::string_view kind = TakeWord(&rest);
  if (kind == "name" && !rest.empty()) {
    AddName(rest, rules);
    return OkStatus();
  }
  const std::string_view type = TakeWord(&rest);
  if (!IsType(type)) return RuleError(line, "no type, allowed capitals and single underscores");
  if (kind == "keep" && rest.empty()) {
    rules->keep.insert(std::string(type));
  } else if (kind == "word" && !rest.empty()) {
    AddPhrase(rest, type, true, rules);
  } else if (kind == "pattern" && rest.size() >= kMinPattern) {
    rules->patterns.push_back({std::string(rest), std::string(type)});
  } else {
    return RuleError(line,
                     "no rule, allowed name NAME, word TYPE TEXT, pattern TYPE SHAPE of 4 "
                     "characters or more, keep TYPE");
  }
  return OkStatus();
}

// The formatted name of a vCard (RFC 6350, 6.2.1): "FN:Ada Lovelace", "FN;CHARSET=UTF-8:...".
Status AddCardLine(std::string_view line, Compiled* rules) {
  const size_t colon = line.find(':');
  const bool formatted = line.substr(0, 2) == "FN" && line.size() > 2 &&
                         (line[2] == ':' || line[2] == ';') && colon != line.npos;
  if (formatted) AddName(Trim(line.substr(colon + 1)), rules);
  return OkStatus();
}

bool FitsPhrase(const FoldedText& text, std::span<const TextWord> words,
                const Compiled::Phrase& phrase) {
  if (words.size() < phrase.words.size()) return false;
  if (!phrase.any_case && words[0].letters == privacy::WordCase::kLower) return false;
  for (size_t k = 0; k < phrase.words.size(); ++k) {
    if (k > 0 && !words[k].joined) return false;
    if (privacy::LowerWord(text, words[k]) != phrase.words[k]) return false;
  }
  return true;
}

bool FitsShape(char shape, char c) {
  switch (shape) {
    case '#':
      return privacy::IsDigit(c);
    case '@':
      return privacy::IsAlpha(c);
    case '*':
      return privacy::IsAlnum(c);
    default:
      return privacy::ToLower(c) == privacy::ToLower(shape);
  }
}

bool FitsPattern(const FoldedText& text, size_t i, std::string_view shape) {
  if (i + shape.size() > text.size() || !privacy::IsEdge(text.before(i))) return false;
  for (size_t k = 0; k < shape.size(); ++k) {
    if (!FitsShape(shape[k], text.at(i + k))) return false;
  }
  return privacy::IsEdge(text.at(i + shape.size()));
}

void FindPhrases(const FoldedText& text, const Compiled& rules, std::vector<TypedMatch>* found) {
  if (rules.phrases.empty()) return;
  const std::vector<TextWord> words = privacy::ReadWords(text);
  for (size_t i = 0; i < words.size(); ++i) {
    const auto entry = rules.phrases.find(privacy::LowerWord(text, words[i]));
    if (entry == rules.phrases.end()) continue;
    const Compiled::Phrase* longest = nullptr;
    for (const Compiled::Phrase& phrase : entry->second) {
      const bool longer = longest == nullptr || phrase.words.size() > longest->words.size();
      if (longer && FitsPhrase(text, std::span(words).subspan(i), phrase)) longest = &phrase;
    }
    if (longest == nullptr) continue;
    const size_t last = i + longest->words.size() - 1;
    found->push_back({{words[i].begin, words[last].end}, longest->type});
    i = last;
  }
}

}  // namespace

namespace privacy {

std::string ContactOf(const RedactionRules::Compiled& rules, std::string_view name) {
  if (rules.contacts.empty()) return "";
  const std::string key = NameKey(FoldedText(name));
  const auto found = key.empty() ? rules.contacts.end() : rules.contacts.find(key);
  return found == rules.contacts.end() ? "" : found->second;
}


std::vector<TypedMatch> FindByRules(const FoldedText& text, const RedactionRules::Compiled& rules) {
  std::vector<TypedMatch> found;
  FindPhrases(text, rules, &found);
  for (const Compiled::Pattern& pattern : rules.patterns) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (!FitsPattern(text, i, pattern.shape)) continue;
      found.push_back({{i, i + pattern.shape.size()}, pattern.type});
      i += pattern.shape.size() - 1;
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const TypedMatch& a, const TypedMatch& b) {
    return a.match.begin < b.match.begin;
  });
  std::vector<TypedMatch> disjoint;
  for (TypedMatch& match : found) {
    if (disjoint.empty() || match.match.begin >= disjoint.back().match.end) {
      disjoint.push_back(std::move(match));
    }
  }
  return disjoint;
}

}  // namespace privacy

RedactionRules::RedactionRules() : compiled_(std::make_shared<Compiled>()) {}

Result<RedactionRules> RedactionRules::Parse(std::string_view text) {
  auto compiled = std::make_shared<Compiled>();
  const bool cards = text.substr(0, text.find_first_of("\r\n")) == "BEGIN:VCARD";
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = Trim(text.substr(begin, end - begin));
    begin = end + 1;
    if (++number > static_cast<int64_t>(kMaxRules)) {
      return FormatError("redaction rules: more than " + std::to_string(kMaxRules) + " lines");
    }
    if (line.empty() || line[0] == '#') continue;
    SELVEDGE_RETURN_IF_ERROR(cards ? AddCardLine(line, compiled.get())
                                   : AddRule(line, number, compiled.get()));
  }
  RedactionRules rules;
  rules.compiled_ = std::move(compiled);
  return rules;
}

}  // namespace selvedge
