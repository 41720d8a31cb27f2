#include <algorithm>

#include "privacy/redaction/checksums.h"
#include "privacy/redaction/detector.h"
#include "privacy/redaction/digit_groups.h"

namespace selvedge::privacy {
namespace {

constexpr size_t kMinDigits = 12;
constexpr size_t kMaxDigits = 19;
// Line breaks are safe here, since the check digit must agree.
constexpr GapRule kCardGaps = {" -.\n", 3};

// Major industry identifiers 2 to 6 are payment cards (ISO/IEC 7812-1); 1800 is the old form of
// JCB. Twelve digits are in use by Maestro only, whose numbers start with 50, 56 to 58 or 6.
bool HasCardPrefix(std::string_view digits) {
  if (digits.size() == kMinDigits) {
    return digits[0] == '6' ||
           (digits[0] == '5' && (digits[1] == '0' || (digits[1] >= '6' && digits[1] <= '8')));
  }
  return (digits[0] >= '2' && digits[0] <= '6') || digits.substr(0, 4) == "1800";
}

bool IsCard(std::string_view digits) {
  const bool one_digit = digits.find_first_not_of(digits[0]) == std::string_view::npos;
  return HasCardPrefix(digits) && !one_digit && PassesLuhn(digits);
}

// A card over several lines is in fours or one number cut in two; anything else is a list of
// numbers.
bool BreaksLikeCard(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first,
                    size_t last) {
  bool fours = true;
  bool breaks = false;
  for (size_t g = first; g < last; ++g) {
    fours = fours && (groups[g].size() == 4 || g + 1 == last);
    if (g + 1 == last) break;
    const size_t gap = groups[g].end;
    breaks = breaks || text.view().substr(gap, groups[g + 1].begin - gap).find('\n') !=
                           std::string_view::npos;
  }
  return !breaks || fours || last - first == 2;
}

// People write cards in one piece, in fours, or as 4-6-5; a first group of two or three digits is
// the start of a phone number whose digits pass the check by chance.
bool StartsLikeCard(const std::vector<DigitGroup>& groups, size_t first) {
  return groups[first].size() >= 4 || groups[first].size() == 1;
}

// One past the last group of the longest card that starts with group `first`; `first` if there is
// none.
size_t CardEnd(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first) {
  size_t last = first;
  size_t digits = 0;
  while (last < groups.size() && digits + groups[last].size() <= kMaxDigits) {
    digits += groups[last++].size();
  }
  for (; last > first && digits >= kMinDigits; digits -= groups[--last].size()) {
    if (IsCard(JoinDigits(text, groups, first, last)) && !AllYears(text, groups, first, last) &&
        BreaksLikeCard(text, groups, first, last) && IsEdge(text.at(groups[last - 1].end))) {
      return last;
    }
  }
  return first;
}

}  // namespace

void FindCreditCards(const FoldedText& text, std::vector<Match>* matches) {
  for (size_t pos = 0; pos < text.size();) {
    const std::vector<DigitGroup> groups = NextDigitRun(text, kCardGaps, &pos);
    for (size_t g = 0; g < groups.size();) {
      const bool starts = IsEdge(text.before(groups[g].begin)) && StartsLikeCard(groups, g);
      const size_t end = starts ? CardEnd(text, groups, g) : g;
      if (end > g) matches->push_back({groups[g].begin, groups[end - 1].end});
      g = std::max(end, g + 1);
    }
  }
}

}  // namespace selvedge::privacy
