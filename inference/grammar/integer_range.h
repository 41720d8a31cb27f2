#pragma once
// Whole numbers between two bounds, as a grammar.

#include <cstdint>
#include <string>

namespace selvedge::inference {

// The largest number that the grammars of JSON texts write: 16 digits.
inline constexpr int64_t kMostJsonInteger = 9'999'999'999'999'999;

// A GBNF element that takes exactly the numbers from `low` to `high` as JSON writes them, without
// leading zeros. low <= high, both within kMostJsonInteger of 0.
std::string IntegerRange(int64_t low, int64_t high);

}  // namespace selvedge::inference
