#include <algorithm>
#include <array>

#include "privacy/redaction/anchored_scan.h"
#include "privacy/redaction/detector.h"
#include "privacy/redaction/national_id_checks.h"

// National identity, tax and social-insurance numbers. Where a number's shape or check is weak (a
// tenth of all nine-digit numbers pass a Luhn check), a word before it must say what it is.

namespace selvedge::privacy {
namespace {

constexpr size_t kReach = 40;
constexpr size_t kMaxHead = 6;  // letters before the first digit

using Words = std::vector<std::string_view>;
const Words& NoWords() {
  static const Words words;
  return words;
}

struct IdRule {
  // '9' a digit, 'a' a letter, 'A' a capital, '*' either, ' ' at most one of " -./"; anything else
  // stands for itself.
  std::string_view shape;
  bool (*check)(std::string_view id);
  const Words& words;  // one of them before the number, unless empty
};

const std::vector<IdRule>& Rules() {
  static const Words aadhaar = {"aadhaar", "aadhar", "uidai"};
  static const Words bsn = {"bsn", "burgerservice", "sofi"};
  static const Words nif = {"nif", "contribuinte"};
  static const Words oib = {"oib"};
  static const Words nhs = {"nhs"};
  static const Words sin = {"sin ", "sin:", "sin#", "social insurance"};
  static const Words tfn = {"tfn", "tax file"};
  static const Words pps = {"pps", "ppsn"};
  static const std::vector<IdRule> rules = {{"756 9999 9999 99", IsSwissAhv, NoWords()},
                                            {"999999-999*", IsFinnishHetu, NoWords()},
                                            {"999999+999*", IsFinnishHetu, NoWords()},
                                            {"999999a999*", IsFinnishHetu, NoWords()},
                                            {"999999-9999", IsSwedishNumber, NoWords()},
                                            {"999999+9999", IsSwedishNumber, NoWords()},
                                            {"99999999-9999", IsSwedishNumber, NoWords()},
                                            {"999999999999", IsSwedishNumber, NoWords()},
                                            {"999999-9999", IsDanishCpr, NoWords()},
                                            {"999999/9999", IsCzechNumber, NoWords()},
                                            {"999999-9999999", IsKoreanNumber, NoWords()},
                                            {"99.99.99-999.99", IsBelgianNumber, NoWords()},
                                            {"999.999.999-99", IsBrazilianCpf, NoWords()},
                                            {"99.999.999/9999-99", IsBrazilianCnpj, NoWords()},
                                            {"99999999 a", IsSpanishDni, NoWords()},
                                            {"a 9999999 a", IsSpanishNie, NoWords()},
                                            {"a9999999a", IsSingaporeNric, NoWords()},
                                            {"AA 99 99 99 A", IsBritishNino, NoWords()},
                                            {"AAAAA9999A", IsIndianPan, NoWords()},
                                            {"aaaaaa99a99a999a", IsItalianFiscalCode, NoWords()},
                                            {"aaaa999999aaaaaa*9", IsMexicanCurp, NoWords()},
                                            {"9 99 99 9* 999 999 99", IsFrenchNir, NoWords()},
                                            {"99999999999999999*", IsChineseNumber, NoWords()},
                                            {"9999999999999", IsSouthAfricanNumber, NoWords()},
                                            {"9999999999999", IsRomanianCnp, NoWords()},
                                            {"999999 99999", IsNorwegianNumber, NoWords()},
                                            {"99999999999", IsPolishPesel, NoWords()},
                                            {"99999999999", IsTurkishNumber, NoWords()},
                                            {"99999999999", IsBelgianNumber, NoWords()},
                                            {"99999999999", IsBalticNumber, NoWords()},
                                            {"99 999 999 999", IsGermanTaxId, NoWords()},
                                            {"9999 9999 9999", IsIndianAadhaar, aadhaar},
                                            {"999 999 9999", IsBritishNhs, nhs},
                                            {"999 999 999", IsCanadianSin, sin},
                                            {"999 999 999", IsAustralianTfn, tfn},
                                            {"999 999 999", IsPortugueseNif, nif},
                                            {"9999 99 999", IsDutchBsn, bsn},
                                            {"999999999", IsDutchBsn, bsn},
                                            {"99999999999", IsCroatianOib, oib},
                                            {"9999999aa", IsIrishPps, pps},
                                            {"9999999a", IsIrishPps, pps}};
  return rules;
}

bool FitsShape(char shape, char c) {
  switch (shape) {
    case '9':
      return IsDigit(c);
    case 'a':
      return IsAlpha(c);
    case 'A':
      return IsUpper(c);
    case '*':
      return IsAlnum(c);
    default:
      return c == shape;
  }
}

// Position behind the text at i that has the shape, or i. *id gets its letters and digits.
size_t ShapeEnd(const FoldedText& text, size_t i, std::string_view shape, std::string* id) {
  id->clear();
  size_t end = i;
  for (const char s : shape) {
    const char c = text.at(end);
    if (s == ' ') {
      if (c == ' ' || c == '-' || c == '.' || c == '/') ++end;
      continue;
    }
    if (!FitsShape(s, c)) return i;
    if (IsAlnum(c)) id->push_back(ToUpper(c));
    ++end;
  }
  return end;
}

// Whether a number goes on behind its end: "123-45" of "123-456", "12.5".
bool GoesOn(const FoldedText& text, size_t end) {
  const char c = text.at(end);
  const bool joint = c == '-' || c == '/' || c == '.';
  return !IsEdge(c) || (joint && IsDigit(text.at(end + 1)));
}

bool Starts(const FoldedText& text, size_t i) {
  const char before = text.before(i);
  const bool joint = before == '-' || before == '/' || before == '.' || before == '+';
  return IsAlnum(text.at(i)) && IsEdge(before) && !(joint && i > 1 && IsDigit(text.at(i - 2))) &&
         before != '+';
}

size_t IdEnd(const FoldedText& text, size_t i, std::string* id) {
  for (const IdRule& rule : Rules()) {
    if (IsDigit(rule.shape[0]) != IsDigit(text.at(i))) continue;
    const size_t end = ShapeEnd(text, i, rule.shape, id);
    if (end == i || GoesOn(text, end) || !rule.check(*id)) continue;
    if (rule.words.empty() || HasContextBefore(text, i, kReach, rule.words)) return end;
  }
  return i;
}

}  // namespace

void FindNationalIds(const FoldedText& text, std::vector<Match>* matches) {
  std::string id;
  ScanBefore(text, kDigitBit, kMaxHead, matches,
             [&](size_t i) { return Starts(text, i) ? IdEnd(text, i, &id) : i; });
}

}  // namespace selvedge::privacy
