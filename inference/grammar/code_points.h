#pragma once
// Sets of Unicode characters, and their UTF-8 forms as ranges of bytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace selvedge::inference {

// Bounds included; in a normal set sorted, apart from each other and without surrogates.
struct CodePointRange {
  uint32_t low, high;
};
using CodePointSet = std::vector<CodePointRange>;

inline constexpr uint32_t kLastCodePoint = 0x10FFFF;

CodePointSet Normal(CodePointSet ranges);
// All characters that are not in the normal set.
CodePointSet Complement(const CodePointSet& set);

// Byte strings of one length: the i-th byte lies in [low[i], high[i]].
struct ByteRanges {
  size_t length = 0;
  std::array<uint8_t, 4> low{}, high{};
};

// The UTF-8 forms of a normal set, each form in exactly one item. Source: the Unicode Standard,
// table 3-6.
std::vector<ByteRanges> Utf8Forms(const CodePointSet& set);

}  // namespace selvedge::inference
