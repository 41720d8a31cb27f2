#include "core/utf8.h"

#include <algorithm>
#include <cstdint>

namespace selvedge::core {
namespace {

enum class Shape { kComplete, kTruncated, kInvalid };

struct Sequence {
  Shape shape;
  size_t length;  // bytes of the character, or of its maximal well-formed beginning (at least 1)
};

// The row of table 3-7 that the lead byte selects.
struct Lead {
  size_t length;  // 0 if no character starts with this byte
  uint8_t second_low;
  uint8_t second_high;
};

Lead LeadOf(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// Reads the sequence at the start of non-empty `text`.
Sequence ReadSequence(std::string_view text) {
  const Lead lead = LeadOf(static_cast<uint8_t>(text[0]));
  if (lead.length == 0) return {Shape::kInvalid, 1};
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == text.size()) return {Shape::kTruncated, i};
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    const uint8_t low = i == 1 ? lead.second_low : 0x80;
    const uint8_t high = i == 1 ? lead.second_high : 0xBF;
    if (byte < low || byte > high) return {Shape::kInvalid, i};
  }
  return {Shape::kComplete, lead.length};
}

}  // namespace

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const Sequence sequence = ReadSequence(text);
    if (sequence.shape != Shape::kComplete) return false;
    text.remove_prefix(sequence.length);
  }
  return true;
}

size_t CharacterLength(std::string_view text) {
  const Sequence sequence = ReadSequence(text);
  return sequence.shape == Shape::kComplete ? sequence.length : 0;
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Sequence sequence = ReadSequence(text);
    if (sequence.shape == Shape::kComplete) {
      out.append(text.substr(0, sequence.length));
    } else {
      out.append("\xEF\xBF\xBD");
    }
    text.remove_prefix(sequence.length);
  }
  return out;
}

size_t IncompleteTailLength(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const std::string_view tail = text.substr(text.size() - back);
    if ((static_cast<uint8_t>(tail[0]) & 0xC0) == 0x80) continue;  // inside a character
    const Sequence sequence = ReadSequence(tail);
    return sequence.shape == Shape::kTruncated && sequence.length == back ? back : 0;
  }
  return 0;
}

}  // namespace selvedge::core
