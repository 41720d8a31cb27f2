#include <algorithm>
#include <array>

#include "privacy/redaction/anchored_scan.h"
#include "privacy/redaction/checksums.h"
#include "privacy/redaction/detector.h"

namespace selvedge::privacy {
namespace {

constexpr size_t kMinLength = 15;
constexpr size_t kMaxLength = 34;
constexpr size_t kMinDigits = 8;  // in all; keeps prose that follows "no50" out

// Lengths by country. Source: SWIFT IBAN Registry, release 97 (2024).
struct CountryLength {
  std::string_view country;
  size_t length;
};
constexpr std::array<CountryLength, 87> kLengths = {
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
     {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
     {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
     {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
     {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27},
     {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20},
     {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27},
     {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28},
     {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
     {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28},
     {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}}};

// 0 if the country has no IBAN of a registered length.
size_t LengthFor(std::string_view country) {
  const auto* row = std::find_if(kLengths.begin(), kLengths.end(),
                                 [&](const CountryLength& c) { return c.country == country; });
  return row == kLengths.end() ? 0 : row->length;
}

bool StartsIban(const FoldedText& text, size_t i) {
  return IsDigit(text.at(i + 3)) && IsDigit(text.at(i + 2)) && IsAlpha(text.at(i + 1)) &&
         IsAlpha(text.at(i)) && IsEdge(text.before(i));
}

// Reads up to `length` letters and digits from i, stepping over gaps of at most three spaces,
// dashes or line breaks. Returns the position behind the last character read; *iban gets it in
// upper case.
size_t ReadIban(const FoldedText& text, size_t i, size_t length, std::string* iban) {
  size_t end = i;
  for (size_t gap = 0; iban->size() < length && gap <= 3; ++i) {
    const char c = text.at(i);
    if (IsAlnum(c)) {
      iban->push_back(ToUpper(c));
      end = i + 1;
      gap = 0;
    } else if (i < text.size() && (IsSpace(c) || c == '-')) {
      ++gap;
    } else {
      break;
    }
  }
  return end;
}

// Position behind the IBAN at i, or i.
size_t IbanEnd(const FoldedText& text, size_t i) {
  const std::string country = {ToUpper(text.at(i)), ToUpper(text.at(i + 1))};
  size_t length = LengthFor(country);
  if (length == 0) {  // an unregistered country: the whole token, if its check digits agree
    size_t end = i;
    while (end - i <= kMaxLength && IsAlnum(text.at(end))) ++end;
    length = end - i;
    if (length < kMinLength || length > kMaxLength) return i;
  }
  std::string iban;
  const size_t end = ReadIban(text, i, length, &iban);
  const auto digits = std::count_if(iban.begin(), iban.end(), IsDigit);
  const bool valid = iban.size() == length && IsEdge(text.at(end)) &&
                     static_cast<size_t>(digits) >= kMinDigits && PassesIbanCheck(iban);
  return valid ? end : i;
}

}  // namespace

void FindIbans(const FoldedText& text, std::vector<Match>* matches) {
  ScanBefore(text, kDigitBit, 2, matches,
             [&](size_t i) { return StartsIban(text, i) ? IbanEnd(text, i) : i; });
}

}  // namespace selvedge::privacy
