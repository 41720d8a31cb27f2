#include <algorithm>

#include "privacy/redaction/detector.h"
#include "privacy/redaction/digit_groups.h"

// Numbers that nothing but their length or the word before them gives away: mistyped cards,
// account, customer and licence numbers.

namespace selvedge::privacy {
namespace {

constexpr size_t kMinCompactDigits = 9;
constexpr size_t kMinTokenDigits = 8;  // with capitals among them: "U62928788557186"
constexpr size_t kMinTokenLength = 10;
constexpr size_t kMinGroupedDigits = 12;
constexpr size_t kMinNamedDigits = 5;
constexpr size_t kMaxNamed = 24;
constexpr size_t kNamedReach = 28;
constexpr GapRule kIdGaps = {" -", 1};

bool IsIdToken(std::string_view token) {
  const auto digits = static_cast<size_t>(std::count_if(token.begin(), token.end(), IsDigit));
  const bool capitals =
      std::all_of(token.begin(), token.end(), [](char c) { return IsDigit(c) || IsUpper(c); });
  if (digits == token.size()) return digits >= kMinCompactDigits;
  return capitals && token.size() >= kMinTokenLength && digits >= kMinTokenDigits;
}

// Whether groups [first, last) could be "4111 1111 1111 1112": three or more of three to six
// digits.
size_t GroupedEnd(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first) {
  size_t last = first;
  size_t digits = 0;
  while (last < groups.size() && groups[last].size() >= 3 && groups[last].size() <= 6) {
    digits += groups[last++].size();
  }
  if (last > first && last < groups.size() && groups[last].size() < 3 && digits > 0) ++last;
  const bool number =
      last - first >= 3 && digits >= kMinGroupedDigits && !AllYears(text, groups, first, last);
  return number ? last : first;
}

// "licence number is 2270-66-1551", "passport: X1234567": position behind letters, digits and
// single dashes with at least five digits; i if there is none.
size_t NamedEnd(const FoldedText& text, size_t i) {
  size_t end = i;
  size_t digits = 0;
  while (end - i < kMaxNamed &&
         (IsAlnum(text.at(end)) || (text.at(end) == '-' && IsAlnum(text.at(end + 1))))) {
    digits += IsDigit(text.at(end++)) ? 1 : 0;
  }
  return digits >= kMinNamedDigits && IsEdge(text.at(end)) ? end : i;
}

}  // namespace

void FindNamedNumbers(const FoldedText& text, std::vector<Match>* matches) {
  size_t floor = 0;
  for (size_t digit = 0; digit < text.size(); ++digit) {
    if (!IsDigit(text.at(digit)) || digit < floor) continue;
    size_t begin = digit;
    while (begin > floor && digit - begin < kMaxNamed && IsAlnum(text.before(begin))) --begin;
    const size_t end = IsEdge(text.before(begin)) ? NamedEnd(text, begin) : begin;
    const bool named =
        end > begin && HasContextBefore(text, begin, kNamedReach,
                                        {"license", "licence", "passport", "account n", "acct",
                                         "policy n", "membership n"});
    if (named) matches->push_back({begin, end});
    floor = std::max(end, digit + 1);
    while (IsAlnum(text.at(floor))) ++floor;
  }
}

void FindIdNumbers(const FoldedText& text, std::vector<Match>* matches) {
  for (size_t pos = 0; pos < text.size();) {
    const size_t resume = pos;
    const std::vector<DigitGroup> groups = NextDigitRun(text, kIdGaps, &pos);
    size_t floor = resume;
    for (size_t g = 0; g < groups.size();) {
      size_t begin = groups[g].begin;
      while (begin > floor && IsAlnum(text.before(begin))) --begin;
      size_t end = groups[g].end;
      while (IsAlnum(text.at(end))) ++end;
      const size_t grouped = begin == groups[g].begin ? GroupedEnd(text, groups, g) : g;
      if (grouped > g && IsEdge(text.at(groups[grouped - 1].end))) {
        matches->push_back({groups[g].begin, groups[grouped - 1].end});
        g = grouped;
      } else {
        if (text.before(begin) != '_' && text.at(end) != '_' &&
            IsIdToken(text.view().substr(begin, end - begin))) {
          matches->push_back({begin, end});
        }
        while (g < groups.size() && groups[g].begin < end) ++g;
      }
      floor = matches->empty() ? floor : std::max(floor, matches->back().end);
      pos = std::max(pos, end);
    }
  }
}

}  // namespace selvedge::privacy
