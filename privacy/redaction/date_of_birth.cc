#include <algorithm>
#include <array>

#include "privacy/redaction/anchored_scan.h"
#include "privacy/redaction/detector.h"

// A date is personal when the words before it say that it is a birth: "born on 2/8/1935",
// "date of birth: 8 February 1935", "DOB 1935-02-08".

namespace selvedge::privacy {
namespace {

constexpr size_t kReach = 24;  // from the word to the date

constexpr size_t kMaxMonth = 14;  // "September of 8"

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

struct Number {
  size_t end = 0;
  int value = 0;
  size_t digits = 0;
};

Number ReadNumber(const FoldedText& text, size_t i, size_t max_digits) {
  Number number{i};
  while (number.digits < max_digits && IsDigit(text.at(number.end))) {
    number.value = number.value * 10 + (text.at(number.end++) - '0');
    ++number.digits;
  }
  return number;
}

bool IsDay(const Number& n) { return n.digits > 0 && n.value >= 1 && n.value <= 31; }
bool IsMonth(const Number& n) { return n.digits > 0 && n.value >= 1 && n.value <= 12; }
bool IsYear(const Number& n) {
  return n.digits == 2 || (n.digits == 4 && n.value >= 1850 && n.value <= 2199);
}

// 2/8/1935, 02.08.35, 1935-02-08. Position behind the date, or i.
size_t NumericEnd(const FoldedText& text, size_t i) {
  const Number a = ReadNumber(text, i, 4);
  const char mark = text.at(a.end);
  if (a.digits == 0 || std::string_view("/.- ").find(mark) == std::string_view::npos) return i;
  const Number b = ReadNumber(text, a.end + 1, 2);
  if (b.digits == 0 || text.at(b.end) != mark) return i;
  const Number c = ReadNumber(text, b.end + 1, 4);
  const bool little =
      a.digits <= 2 && IsYear(c) && IsDay(a) && IsDay(b) && std::min(a.value, b.value) <= 12;
  const bool big = a.digits == 4 && IsYear(a) && IsMonth(b) && IsDay(c);
  return (little || big) && IsEdge(text.at(c.end)) ? c.end : i;
}

// Position behind the month's name at i, or i.
size_t MonthEnd(const FoldedText& text, size_t i) {
  if (IsAlnum(text.before(i))) return i;
  const bool month = std::any_of(kMonths.begin(), kMonths.end(), [&](std::string_view name) {
    return StartsWithNoCase(text.view(), i, name);
  });
  size_t end = i;
  while (month && end - i < 9 && IsAlpha(text.at(end))) ++end;
  if (end == i || IsAlnum(text.at(end))) return i;
  return text.at(end) == '.' ? end + 1 : end;
}

size_t SkipJoint(const FoldedText& text, size_t i) {
  for (int k = 0; k < 3 && std::string_view(" ,-").find(text.at(i)) != std::string_view::npos;
       ++k) {
    ++i;
  }
  if (StartsWithNoCase(text.view(), i, "of ")) i += 3;
  return i;
}

// 8, 8th, 2nd.
size_t DayEnd(const FoldedText& text, size_t i) {
  const Number day = ReadNumber(text, i, 2);
  if (!IsDay(day)) return i;
  for (const std::string_view ending : {"st", "nd", "rd", "th", "."}) {
    if (StartsWithNoCase(text.view(), day.end, ending)) return day.end + ending.size();
  }
  return day.end;
}

// 8 February 1935, February 8th, 1935, 8 Feb. Position behind the date, or i.
size_t WrittenEnd(const FoldedText& text, size_t i) {
  size_t end = i;
  if (const size_t day = DayEnd(text, i); day > i) {
    const size_t month = SkipJoint(text, day);
    end = MonthEnd(text, month);
    if (end == month) return i;
  } else {
    const size_t month = MonthEnd(text, i);
    if (month == i) return i;
    const size_t day_begin = SkipJoint(text, month);
    end = DayEnd(text, day_begin);
    if (end == day_begin || IsDigit(text.at(end))) return i;
  }
  const Number year = ReadNumber(text, SkipJoint(text, end), 4);
  if (year.digits == 4 && IsYear(year) && IsEdge(text.at(year.end))) return year.end;
  return IsEdge(text.at(end)) ? end : i;
}

}  // namespace

// Every date has a day, so that only words shortly before a digit can start one.
void FindDatesOfBirth(const FoldedText& text, std::vector<Match>* matches) {
  ScanBefore(text, kDigitBit, kMaxMonth, matches, [&](size_t i) {
    if (!IsEdge(text.before(i)) || !IsAlnum(text.at(i))) return i;
    const size_t end = std::max(NumericEnd(text, i), WrittenEnd(text, i));
    const bool birth =
        end > i && HasContextBefore(text, i, kReach, {"born", "birth", "dob", "bday", "b-day"});
    return birth ? end : i;
  });
}

}  // namespace selvedge::privacy
