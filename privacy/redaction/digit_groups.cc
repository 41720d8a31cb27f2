#include "privacy/redaction/digit_groups.h"

namespace selvedge::privacy {

std::vector<DigitGroup> NextDigitRun(const FoldedText& text, const GapRule& rule, size_t* pos) {
  std::vector<DigitGroup> groups;
  size_t i = *pos;
  const std::string_view view = text.view();
  while (i < view.size() && !IsDigit(view[i])) ++i;
  while (i < text.size()) {
    const size_t begin = i;
    while (IsDigit(text.at(i))) ++i;
    groups.push_back({begin, i});
    size_t gap = i;
    while (gap - i < rule.max_length && gap < text.size() &&
           rule.characters.find(text.at(gap)) != std::string_view::npos) {
      ++gap;
    }
    if (gap == i || !IsDigit(text.at(gap))) break;
    i = gap;
  }
  *pos = i;
  return groups;
}

std::string JoinDigits(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first,
                       size_t last) {
  std::string digits;
  for (size_t g = first; g < last; ++g) {
    digits.append(text.view().substr(groups[g].begin, groups[g].size()));
  }
  return digits;
}

bool LooksLikeYear(const FoldedText& text, const DigitGroup& group) {
  if (group.size() != 4) return false;
  const char century = text.at(group.begin + 1);
  return text.at(group.begin) == '1' || (text.at(group.begin) == '2' && century <= '1');
}

bool AllYears(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first,
              size_t last) {
  for (size_t g = first; g < last; ++g) {
    if (!LooksLikeYear(text, groups[g])) return false;
  }
  return true;
}

}  // namespace selvedge::privacy
