#include <algorithm>
#include <array>
#include <bitset>

#include "privacy/redaction/detector.h"

// "password: x", "api_key=x", "the pin is 1234": a value is a secret because of the word before it.

namespace selvedge::privacy {
namespace {

enum class ValueRule {
  kPassword,  // any value after : or =; after "is" only one that no ordinary word looks like
  kToken,     // long, with letters and digits
  kDigits,    // 4 to 8 digits
};

struct Keyword {
  std::string_view word;  // lower case
  ValueRule rule;
};
// Longer words before their prefixes.
constexpr std::array<Keyword, 23> kKeywords = {{{"password", ValueRule::kPassword},
                                                {"passwort", ValueRule::kPassword},
                                                {"passphrase", ValueRule::kPassword},
                                                {"passwd", ValueRule::kPassword},
                                                {"passcode", ValueRule::kPassword},
                                                {"pwd", ValueRule::kPassword},
                                                {"client_secret", ValueRule::kPassword},
                                                {"api_key", ValueRule::kPassword},
                                                {"api-key", ValueRule::kPassword},
                                                {"apikey", ValueRule::kPassword},
                                                {"api key", ValueRule::kPassword},
                                                {"access_key", ValueRule::kPassword},
                                                {"access key", ValueRule::kPassword},
                                                {"secret_key", ValueRule::kPassword},
                                                {"private_key", ValueRule::kPassword},
                                                {"access_token", ValueRule::kPassword},
                                                {"authorization", ValueRule::kToken},
                                                {"bearer", ValueRule::kToken},
                                                {"secret", ValueRule::kToken},
                                                {"token", ValueRule::kToken},
                                                {"key", ValueRule::kToken},
                                                {"pin", ValueRule::kDigits},
                                                {"code", ValueRule::kDigits}}};

constexpr size_t kMaxValue = 512;
constexpr size_t kMinPassword = 4;
constexpr size_t kMinToken = 12;

size_t LetterPair(char a, char b) {
  return static_cast<size_t>(a - 'a') * 26 + static_cast<size_t>(b - 'a');
}

// The first two letters of the keywords: few words of a text start so.
const std::bitset<26 * 26>& KeywordHeads() {
  static const std::bitset<26 * 26> heads = [] {
    std::bitset<26 * 26> set;
    for (const Keyword& keyword : kKeywords) set.set(LetterPair(keyword.word[0], keyword.word[1]));
    return set;
  }();
  return heads;
}

const Keyword* KeywordAt(const FoldedText& text, size_t i) {
  const char first = ToLower(text.at(i));
  const char second = ToLower(text.at(i + 1));
  if (!IsAlpha(first) || !IsAlpha(second) || !KeywordHeads()[LetterPair(first, second)] ||
      IsAlnum(text.before(i))) {
    return nullptr;
  }
  const auto* hit = std::find_if(kKeywords.begin(), kKeywords.end(), [&](const Keyword& k) {
    return k.word[0] == first && k.word[1] == second && StartsWithNoCase(text.view(), i, k.word) &&
           !IsAlpha(text.at(i + k.word.size()));
  });
  return hit == kKeywords.end() ? nullptr : hit;
}

size_t SkipSpaces(const FoldedText& text, size_t i) {
  for (size_t k = 0; k < 3 && IsSpace(text.at(i)) && i < text.size(); ++k) ++i;
  return i;
}

bool IsQuote(char c) { return c == '"' || c == '\'' || c == '`'; }

struct Separator {
  size_t end = 0;       // where the value starts
  bool strong = false;  // : or =
  bool any = false;     // a separator or "is"
};

Separator ReadSeparator(const FoldedText& text, size_t i) {
  if (IsQuote(text.at(i))) ++i;
  i = SkipSpaces(text, i);
  Separator separator;
  if (text.at(i) == ':' || text.at(i) == '=') {
    separator.strong = separator.any = true;
    i += text.at(i + 1) == '=' || text.at(i + 1) == '>' ? 2 : 1;
  } else {
    for (const std::string_view verb : {"is", "was", "be"}) {
      if (!StartsWithNoCase(text.view(), i, verb) || !IsEdge(text.at(i + verb.size()))) continue;
      separator.any = true;
      i += verb.size();
      if (text.at(i) == ':') ++i;
      break;
    }
  }
  i = SkipSpaces(text, i);
  if (IsQuote(text.at(i))) ++i;
  separator.end = i;
  return separator;
}

size_t ValueEnd(const FoldedText& text, size_t i) {
  size_t end = i;
  while (end < text.size() && end - i < kMaxValue && !IsSpace(text.at(end)) &&
         !IsQuote(text.at(end)) && !IsTaken(text.at(end)) && text.at(end) != ',' &&
         text.at(end) != ';' && text.at(end) != '&') {
    ++end;
  }
  while (end > i && std::string_view(".)]}>").find(text.before(end)) != std::string_view::npos)
    --end;
  return end;
}

// A digit, a capital inside, or a mark between letters: what ordinary words do not have.
bool LooksMade(std::string_view value) {
  for (size_t i = 0; i < value.size(); ++i) {
    const bool inner = i > 0 && i + 1 < value.size();
    if (IsDigit(value[i]) || (i > 0 && IsUpper(value[i]) && !IsUpper(value[i - 1]))) return true;
    if (inner && !IsAlnum(value[i]) && value[i] != '\'' && value[i] != kOtherLetter) return true;
  }
  return false;
}

bool IsPlaceholder(std::string_view value) { return !value.empty() && value[0] == '<'; }

bool IsToken(std::string_view value) {
  const bool digit = std::any_of(value.begin(), value.end(), IsDigit);
  const bool letter = std::any_of(value.begin(), value.end(), IsAlpha);
  return value.size() >= kMinToken && digit && letter;
}

bool Accepts(ValueRule rule, const Separator& separator, std::string_view value) {
  if (IsPlaceholder(value)) return false;
  switch (rule) {
    case ValueRule::kPassword:
      if (!separator.any) return false;
      return value.size() >= kMinPassword && (separator.strong || LooksMade(value));
    case ValueRule::kToken:
      return IsToken(value);
    case ValueRule::kDigits:
      return value.size() >= 4 && value.size() <= 8 &&
             std::all_of(value.begin(), value.end(), IsDigit);
  }
  return false;
}

// "zip code 90210" and "error code 1045" are no secrets.
bool IsOtherCode(const FoldedText& text, size_t i) {
  return HasContextBefore(
      text, i, 9,
      {"zip", "post", "area", "error", "status", "exit", "country", "source", "dress", "dial"});
}

bool ContinuesNumber(const FoldedText& text, size_t end) {
  return (text.at(end) == ' ' || text.at(end) == '-') && IsDigit(text.at(end + 1));
}

}  // namespace

void FindKeywordSecrets(const FoldedText& text, std::vector<Match>* matches) {
  for (size_t i = 0; i < text.size();) {
    const Keyword* keyword = KeywordAt(text, i);
    if (keyword == nullptr) {
      ++i;
      continue;
    }
    Separator separator = ReadSeparator(text, i + keyword->word.size());
    if (keyword->rule == ValueRule::kToken) {  // "Authorization: Bearer x", "token: Basic x"
      for (const std::string_view scheme : {"bearer ", "basic ", "token "}) {
        if (StartsWithNoCase(text.view(), separator.end, scheme)) separator.end += scheme.size();
      }
    }
    const size_t end = ValueEnd(text, separator.end);
    const std::string_view value = text.view().substr(separator.end, end - separator.end);
    const bool number = keyword->rule == ValueRule::kDigits;
    if (Accepts(keyword->rule, separator, value) &&
        !(number && (IsOtherCode(text, i) || ContinuesNumber(text, end)))) {
      matches->push_back({separator.end, end});
      i = end;
    } else {
      i += keyword->word.size();
    }
  }
}

}  // namespace selvedge::privacy
