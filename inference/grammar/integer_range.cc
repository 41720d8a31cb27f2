#include "inference/grammar/integer_range.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace selvedge::inference {
namespace {

std::string AnyDigits(size_t n) { return n == 0 ? "" : " [0-9]{" + std::to_string(n) + "}"; }

std::string DigitClass(char low, char high) {
  return low == high ? std::string(" \"") + low + "\"" : std::string(" [") + low + "-" + high + "]";
}

// Ways that take the texts of digits from `low` to `high`, which are equally long, after `before`.
void AddSameLength(const std::string& before, std::string_view low, std::string_view high,
                   std::vector<std::string>* ways) {
  const bool all = low.find_first_not_of('0') == std::string_view::npos &&
                   high.find_first_not_of('9') == std::string_view::npos;
  if (all) {
    ways->push_back(before + AnyDigits(low.size()));
    return;
  }
  const std::string_view low_rest = low.substr(1), high_rest = high.substr(1);
  if (low[0] == high[0]) {
    AddSameLength(before + DigitClass(low[0], low[0]), low_rest, high_rest, ways);
    return;
  }
  // Leading digits whose every continuation is in the range are taken together.
  const bool low_whole = low_rest.find_first_not_of('0') == std::string_view::npos;
  const bool high_whole = high_rest.find_first_not_of('9') == std::string_view::npos;
  const char first = static_cast<char>(low[0] + !low_whole);
  const char last = static_cast<char>(high[0] - !high_whole);
  if (!low_whole) {
    AddSameLength(before + DigitClass(low[0], low[0]), low_rest, std::string(low_rest.size(), '9'),
                  ways);
  }
  if (first <= last) ways->push_back(before + DigitClass(first, last) + AnyDigits(low_rest.size()));
  if (!high_whole) {
    AddSameLength(before + DigitClass(high[0], high[0]), std::string(high_rest.size(), '0'),
                  high_rest, ways);
  }
}

// 0 <= low <= high
void AddNaturals(const std::string& sign, int64_t low, int64_t high,
                 std::vector<std::string>* ways) {
  for (int64_t least = 1; low <= high; least *= 10) {
    const int64_t most = least * 10 - 1;  // of so many digits; 0 has one
    if (low > most) continue;
    const int64_t end = std::min(high, most);
    AddSameLength(sign, std::to_string(low), std::to_string(end), ways);
    low = end + 1;
  }
}

}  // namespace

std::string IntegerRange(int64_t low, int64_t high) {
  std::vector<std::string> ways;
  if (low < 0) AddNaturals("\"-\"", std::max<int64_t>(1, -high), -low, &ways);
  if (high >= 0) AddNaturals("", std::max<int64_t>(0, low), high, &ways);
  std::string choice = "(";
  for (size_t i = 0; i < ways.size(); ++i) choice += (i == 0 ? "" : " | ") + ways[i];
  return choice + ")";
}

}  // namespace selvedge::inference
