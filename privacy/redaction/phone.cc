#include <algorithm>
#include <array>

#include "privacy/redaction/detector.h"
#include "privacy/redaction/digit_groups.h"

// Phone numbers have no check digit, so they are recognised by how people group them. Each rule
// below accepts one family of writings; what looks like a date, years or a sum of money is left
// alone.

namespace selvedge::privacy {
namespace {

constexpr GapRule kPhoneGaps = {" -./()\n", 2};
constexpr size_t kMinDigits = 7;
constexpr size_t kMaxDigits = 15;  // ITU-T E.164
constexpr size_t kMaxGroups = 8;
constexpr size_t kReach = 28;

// Groups [first, last) of a run, seen as one number.
struct Shape {
  const FoldedText& text;
  const std::vector<DigitGroup>& groups;
  size_t first;
  size_t last;
  bool plus = false;      // + before the number
  bool paren = false;     // first group in parentheses
  bool context = false;   // a word such as "call" before it, or "office" behind it
  bool whole_run = true;  // no digits before or after that belong to the same run
  std::string digits;

  size_t count() const { return last - first; }
  const DigitGroup& group(size_t k) const { return groups[first + k]; }
  size_t size(size_t k) const { return group(k).size(); }
  std::string_view gap(size_t k) const {
    return text.view().substr(group(k).end, group(k + 1).begin - group(k).end);
  }
  bool Sizes(std::initializer_list<size_t> sizes) const {
    if (sizes.size() != count()) return false;
    return std::equal(sizes.begin(), sizes.end(),
                      groups.begin() + static_cast<std::ptrdiff_t>(first),
                      [](size_t n, const DigitGroup& g) { return g.size() == n; });
  }
};

bool SameGaps(const Shape& s) {
  for (size_t k = 1; k + 1 < s.count(); ++k) {
    if (s.gap(k) != s.gap(0)) return false;
  }
  return true;
}

int Number(const Shape& s, size_t k) {
  int value = 0;
  for (size_t i = s.group(k).begin; i < s.group(k).end && value < 100000; ++i) {
    value = value * 10 + (s.text.at(i) - '0');
  }
  return value;
}

// 2010-05-12, 12.05.2010, 5/12/10.
bool IsDate(const Shape& s) {
  if (s.count() < 3) return false;
  const auto day_month = [&](size_t a, size_t b) {
    const int x = Number(s, a), y = Number(s, b);
    return s.size(a) <= 2 && s.size(b) <= 2 && x >= 1 && y >= 1 && x <= 31 && y <= 31 &&
           std::min(x, y) <= 12;
  };
  if (LooksLikeYear(s.text, s.group(0)) && day_month(1, 2)) return true;
  return s.count() == 3 && day_month(0, 1) && (LooksLikeYear(s.text, s.group(2)) || s.size(2) == 2);
}

// +41 (0)85 806 98 67, 001-253-366-9781
bool IsInternational(const Shape& s) {
  if (s.plus) return s.digits[0] != '0' && s.digits.size() <= kMaxDigits;
  return s.digits.substr(0, 2) == "00" && s.digits[2] != '0' && s.digits.size() >= 10 &&
         s.digits.size() <= kMaxDigits + 2;
}

// (212) 555-0142, (09) 416 60 03
bool IsParenthesised(const Shape& s) {
  const bool area = s.size(0) >= 2 || s.digits[0] == '0';
  return s.paren && area && s.size(0) <= 5 && s.digits.size() <= 13 && s.count() >= 2 &&
         !AllYears(s.text, s.groups, s.first, s.last);
}

// 212-555-0142, 1-800-555-0199, 555-0164. Exchange codes do not start with 0 in use, but test data
// and mistypings do.
bool IsNorthAmerican(const Shape& s) {
  const bool area = s.Sizes({3, 3, 4}) && s.digits[0] != '0';
  const bool trunk = s.Sizes({1, 3, 3, 4}) && s.digits[0] == '1';
  if (area || trunk) return true;
  if (!s.Sizes({3, 4}) || s.digits[0] < '2') return false;
  return s.gap(0) == "-" || s.gap(0) == "." ||
         (s.gap(0) == " " && !LooksLikeYear(s.text, s.group(1)));
}

// 0664 1234567, 03.93.92.16.85, 07700 900142: a trunk zero, then the area.
bool IsTrunk(const Shape& s) {
  if (s.digits[0] != '0' || s.size(0) < 2 || s.digits.size() < 8 || s.digits.size() > 12)
    return false;
  if (s.count() == 1) return s.digits.size() >= 10 && s.digits.size() <= 11;
  return s.digits.find_first_not_of('0') != std::string::npos;
}

// 416 60 039, 99-99-99-99, 1234 5678: local and mobile numbers without a trunk zero.
bool IsGrouped(const Shape& s) {
  if (!s.whole_run || s.count() < 2 || !SameGaps(s) || s.gap(0).size() != 1) return false;
  if (AllYears(s.text, s.groups, s.first, s.last)) return false;
  if (s.Sizes({4, 4}))
    return !LooksLikeYear(s.text, s.group(0)) || !LooksLikeYear(s.text, s.group(1));
  if (s.count() < 3 || s.digits.size() > 13) return false;
  bool pairs = true;
  bool thousands = s.gap(0) == ".";
  for (size_t k = 0; k < s.count(); ++k) {
    if (s.size(k) < 2 || s.size(k) > 4) return false;
    pairs = pairs && s.size(k) == 2;
    thousands = thousands && (k == 0 || s.size(k) == 3);
  }
  return !thousands && (!pairs || s.count() == 4);
}

// 99 668472, 0961-7596216, 12345 67890: an area and a subscriber, eight digits or more.
bool IsTwoGroups(const Shape& s) {
  if (!s.whole_run || s.count() != 2 || s.digits.size() < 8 || s.digits.size() > 11) return false;
  if (s.gap(0) != " " && s.gap(0) != "-") return false;
  return s.size(0) >= 2 && s.size(0) <= 5 && s.size(1) >= 5 && !LooksLikeYear(s.text, s.group(0));
}

// 2125550142: ten digits that the North American plan could give out.
bool IsCompact(const Shape& s) {
  return s.count() == 1 && s.digits.size() == 10 && s.digits[0] >= '2' && s.digits[3] >= '2';
}

bool IsCalled(const Shape& s) { return s.context && s.size(0) >= 2; }

using Rule = bool (*)(const Shape&);
constexpr std::array<Rule, 8> kRules = {IsInternational, IsParenthesised, IsNorthAmerican,
                                        IsTrunk,         IsGrouped,       IsTwoGroups,
                                        IsCompact,       IsCalled};

bool IsPhone(const Shape& s) {
  if (s.digits.size() < kMinDigits || s.digits.size() > kMaxDigits + 2) return false;
  if (!s.plus && IsDate(s)) return false;
  return std::any_of(kRules.begin(), kRules.end(), [&](Rule rule) { return rule(s); });
}

// Whether the first group is the tail of another number, word or amount: "1,234 5678", "12:30", "$
// 100".
bool ContinuesLeft(const FoldedText& text, size_t i) {
  const char before = text.before(i);
  if (!IsEdge(before) || before == '$') return true;
  if (before == ' ' && i > 1 && text.at(i - 2) == '$') return true;
  const bool joint = std::string_view(".,-:/").find(before) != std::string_view::npos;
  return joint && i > 1 && IsAlnum(text.at(i - 2));
}

// Whether a word behind the number says what it is: "555 0142 office", "555-0142-Fax", "(home)".
bool HasKindBehind(const FoldedText& text, size_t i) {
  for (size_t k = 0; k < 2 && std::string_view(" -(").find(text.at(i)) != std::string_view::npos;
       ++k) {
    ++i;
  }
  for (const std::string_view kind :
       {"office", "fax", "mobile", "cell", "home", "work", "desk", "direct", "landline"}) {
    if (StartsWithNoCase(text.view(), i, kind)) return IsEdge(text.at(i + kind.size()));
  }
  return false;
}

// Whether something that is no number follows at once: "12-34-56-ab", "555-0142abc", "30 000,50".
bool ContinuesRight(const FoldedText& text, size_t i) {
  if (!IsEdge(text.at(i))) return true;
  const bool joint = std::string_view("-,:").find(text.at(i)) != std::string_view::npos;
  return joint && IsAlnum(text.at(i + 1)) && !HasKindBehind(text, i);
}

// Position behind an extension such as "x123", " ext. 123"; `end` if there is none.
size_t ExtensionEnd(const FoldedText& text, size_t end) {
  size_t i = end;
  while (text.at(i) == ' ' && i - end < 2) ++i;
  const size_t word = i;
  for (const std::string_view name : {"extension", "ext.", "ext", "x", "#"}) {
    if (!StartsWithNoCase(text.view(), i, name)) continue;
    i += name.size();
    break;
  }
  if (i == word) return end;
  while (text.at(i) == ' ' && i - word < 12) ++i;
  const size_t digits = i;
  while (IsDigit(text.at(i)) && i - digits < 7) ++i;
  return i - digits >= 1 && i - digits <= 6 && IsEdge(text.at(i)) ? i : end;
}

bool HasPhoneContext(const FoldedText& text, size_t i) {
  return HasContextBefore(
      text, i, kReach,
      {"phone", "tel", "mobile", "cell", "call", "ring", "dial", "fax", "whatsapp", "sms",
       "text me", "text us", "my number", "reach me", "landline"});
}

// Whether a number may go on over this gap. A line break is safe only early in a number that has
// shown itself to be one by its + or parentheses.
bool Joins(std::string_view gap, bool marked, size_t digits) {
  if (gap == "\n") return marked && digits < kMinDigits;
  return gap != "(" && (gap.size() == 1 || gap == "  " || gap == ") " || gap == " (" ||
                        gap == ")-" || gap == "-(" || gap == ")." || gap == ")/");
}

// Cuts a run where its gaps are those between sentences, lines or list items.
std::vector<std::vector<DigitGroup>> SplitRun(const FoldedText& text,
                                              const std::vector<DigitGroup>& run) {
  std::vector<std::vector<DigitGroup>> parts;
  bool marked = false;
  size_t digits = 0;
  for (size_t g = 0; g < run.size(); ++g) {
    const size_t gap = g > 0 ? run[g - 1].end : 0;
    if (g == 0 || !Joins(text.view().substr(gap, run[g].begin - gap), marked, digits)) {
      parts.emplace_back();
      digits = 0;
      marked = text.before(run[g].begin) == '+' || text.before(run[g].begin) == '(';
    }
    parts.back().push_back(run[g]);
    digits += run[g].size();
  }
  return parts;
}

// What is known before the end of the number is: no digits yet.
Shape MakeHead(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first) {
  Shape head{text, groups, first, first};
  const size_t begin = groups[first].begin;
  head.paren = text.before(begin) == '(' && text.at(groups[first].end) == ')';
  const size_t left = head.paren ? begin - 1 : begin;
  head.plus = text.before(left) == '+';
  head.context = HasPhoneContext(text, left);
  return head;
}

bool IsPhoneUpTo(Shape shape, size_t last) {
  shape.last = last;
  shape.context = shape.context || HasKindBehind(shape.text, shape.groups[last - 1].end);
  shape.whole_run = shape.first == 0 && last == shape.groups.size();
  shape.digits = JoinDigits(shape.text, shape.groups, shape.first, last);
  return IsPhone(shape);
}

// Adds the number that starts with group `first`, longest reading first; returns the group behind
// it.
size_t TakePhone(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first,
                 std::vector<Match>* matches) {
  size_t last = std::min(groups.size(), first + kMaxGroups);
  const Shape head = MakeHead(text, groups, first);
  const size_t begin = groups[first].begin - (head.paren ? 1 : 0) - (head.plus ? 1 : 0);
  if (!head.plus && ContinuesLeft(text, begin)) return first;
  for (; last > first; --last) {
    const size_t digits_end = groups[last - 1].end;
    // A lone digit behind a whole number is the next word: "+1 212 555 0147 5 eggs".
    const bool stray = last > first + 2 && groups[last - 1].size() == 1 &&
                       IsSpace(text.before(groups[last - 1].begin));
    if (stray) continue;
    const size_t end = ExtensionEnd(text, digits_end);
    if (end == digits_end && ContinuesRight(text, end)) continue;
    if (last < groups.size() && !IsSpace(text.at(digits_end))) continue;
    if (!IsPhoneUpTo(head, last)) continue;
    matches->push_back({begin, end});
    return last;
  }
  return first;
}

}  // namespace

void FindPhones(const FoldedText& text, std::vector<Match>* matches) {
  for (size_t pos = 0; pos < text.size();) {
    for (const std::vector<DigitGroup>& groups :
         SplitRun(text, NextDigitRun(text, kPhoneGaps, &pos))) {
      for (size_t g = 0; g < groups.size();) {
        const bool free = matches->empty() || groups[g].begin >= matches->back().end;
        const size_t next = free ? TakePhone(text, groups, g, matches) : g;
        g = std::max(next, g + 1);
      }
    }
  }
}

}  // namespace selvedge::privacy
