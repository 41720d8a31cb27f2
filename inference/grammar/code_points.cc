#include "inference/grammar/code_points.h"

#include <algorithm>

namespace selvedge::inference {
namespace {

constexpr uint32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

// Bytes of the form of a character.
size_t LengthOf(uint32_t point) {
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

constexpr uint32_t kLastOfLength[] = {0, 0x7F, 0x7FF, 0xFFFF, kLastCodePoint};

std::array<uint8_t, 4> Form(uint32_t point, size_t length) {
  if (length == 1) return {static_cast<uint8_t>(point)};
  constexpr uint32_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  std::array<uint8_t, 4> bytes{};
  for (size_t i = length - 1; i > 0; --i, point >>= 6) {
    bytes[i] = static_cast<uint8_t>(0x80 | (point & 0x3F));
  }
  bytes[0] = static_cast<uint8_t>(kLead[length] | point);
  return bytes;
}

// Cuts a range of one length where bytes before the last ones change in the middle of a run.
void Split(CodePointRange range, size_t length, std::vector<ByteRanges>* out) {
  for (size_t i = 1; i < length; ++i) {
    const uint32_t tail = (1u << (6 * i)) - 1;
    if ((range.low & ~tail) == (range.high & ~tail)) break;
    if ((range.low & tail) != 0) {
      Split({range.low, range.low | tail}, length, out);
      Split({(range.low | tail) + 1, range.high}, length, out);
      return;
    }
    if ((range.high & tail) != tail) {
      Split({range.low, (range.high & ~tail) - 1}, length, out);
      Split({range.high & ~tail, range.high}, length, out);
      return;
    }
  }
  out->push_back({length, Form(range.low, length), Form(range.high, length)});
}

}  // namespace

CodePointSet Normal(CodePointSet ranges) {
  CodePointSet cut;
  for (const CodePointRange& range : ranges) {
    const uint32_t high = std::min(range.high, kLastCodePoint);
    if (range.low < kFirstSurrogate) {
      cut.push_back({range.low, std::min(high, kFirstSurrogate - 1)});
    }
    if (high > kLastSurrogate) cut.push_back({std::max(range.low, kLastSurrogate + 1), high});
  }
  std::erase_if(cut, [](const CodePointRange& range) { return range.low > range.high; });
  std::sort(cut.begin(), cut.end(),
            [](const CodePointRange& a, const CodePointRange& b) { return a.low < b.low; });
  CodePointSet joined;
  for (const CodePointRange& range : cut) {
    if (!joined.empty() && range.low <= joined.back().high + 1) {
      joined.back().high = std::max(joined.back().high, range.high);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

CodePointSet Complement(const CodePointSet& set) {
  CodePointSet rest;
  uint32_t next = 0;
  for (const CodePointRange& range : set) {
    if (range.low > next) rest.push_back({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kLastCodePoint) rest.push_back({next, kLastCodePoint});
  return Normal(std::move(rest));
}

std::vector<ByteRanges> Utf8Forms(const CodePointSet& set) {
  std::vector<ByteRanges> forms;
  for (CodePointRange range : set) {
    while (range.low <= range.high) {
      const size_t length = LengthOf(range.low);
      const uint32_t high = std::min(range.high, kLastOfLength[length]);
      Split({range.low, high}, length, &forms);
      range.low = high + 1;
    }
  }
  return forms;
}

}  // namespace selvedge::inference
