#pragma once
// The text that detectors look at: one byte per code point, with tricks of writing folded away, and
// a map back to the caller's bytes.
//
// Folded: full-width and mathematical letters and digits, decimal digits of other scripts, Latin
// letters with diacritics, Cyrillic and Greek look-alikes, unusual spaces, dashes, dots and quotes
// become ASCII; invisible code points vanish. What has no ASCII likeness becomes one of the marks
// below, so that words keep their edges.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace selvedge::privacy {

inline constexpr char kOtherLetter = '\x80';  // a letter without an ASCII likeness
inline constexpr char kOtherMark = '\x81';    // a symbol, or a byte that is not UTF-8
inline constexpr char kTaken = '\x82';        // belongs to a match of an earlier detector
inline constexpr char kTakenName = '\x83';    // belongs to the placeholder of a person's name

class FoldedText {
 public:
  explicit FoldedText(std::string_view text);

  std::string_view view() const { return folded_; }
  size_t size() const { return folded_.size(); }
  // Past the end reads as a line feed, which is no part of anything.
  char at(size_t i) const { return i < folded_.size() ? folded_[i] : '\n'; }
  char before(size_t i) const { return i > 0 ? folded_[i - 1] : '\n'; }

  // First original byte of folded position i, and one past its last.
  size_t OriginalBegin(size_t i) const { return begin_[i]; }
  size_t OriginalEnd(size_t i) const { return begin_[i] + length_[i]; }

  // Hides [begin, end) from the detectors that follow.
  void Take(size_t begin, size_t end, char mark = kTaken);

 private:
  std::string folded_;
  std::vector<size_t> begin_;    // [folded] byte offset in the original
  std::vector<uint8_t> length_;  // [folded] bytes of the code point and its combining marks
};

inline bool IsTaken(char c) { return c == kTaken || c == kTakenName; }

// What a folded byte is, as bits.
inline constexpr uint8_t kDigitBit = 1;
inline constexpr uint8_t kUpperBit = 2;
inline constexpr uint8_t kLowerBit = 4;
inline constexpr uint8_t kHexBit = 8;
inline constexpr uint8_t kDotBit = 16;    // .
inline constexpr uint8_t kColonBit = 32;  // :
inline constexpr uint8_t kDashBit = 64;   // -
inline constexpr std::array<uint8_t, 256> kByteClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (size_t c = '0'; c <= '9'; ++c) classes[c] = kDigitBit | kHexBit;
  for (size_t c = 'A'; c <= 'Z'; ++c) classes[c] = kUpperBit | (c <= 'F' ? kHexBit : 0);
  for (size_t c = 'a'; c <= 'z'; ++c) classes[c] = kLowerBit | (c <= 'f' ? kHexBit : 0);
  classes['.'] = kDotBit;
  classes[':'] = kColonBit;
  classes['-'] = kDashBit;
  return classes;
}();
inline bool IsOf(char c, uint8_t bits) {
  return (kByteClasses[static_cast<unsigned char>(c)] & bits) != 0;
}

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool IsAlpha(char c) { return IsOf(c, kUpperBit | kLowerBit); }
inline bool IsAlnum(char c) { return IsOf(c, kDigitBit | kUpperBit | kLowerBit); }
inline bool IsSpace(char c) { return c == ' ' || c == '\n'; }
inline char ToLower(char c) { return IsUpper(c) ? static_cast<char>(c + 32) : c; }
inline char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
inline bool IsHex(char c) { return IsOf(c, kHexBit); }
// Ends a number or token on its left and right: no ASCII letter, digit or underscore.
inline bool IsEdge(char c) { return !IsAlnum(c) && c != '_'; }

// Whether `word` (lower case) stands at i, letter case aside.
bool StartsWithNoCase(std::string_view text, size_t i, std::string_view word);

// Whether one of `words` (lower case) begins a word within `reach` positions before `i`, in the
// same line.
bool HasContextBefore(const FoldedText& text, size_t i, size_t reach,
                      const std::vector<std::string_view>& words);

}  // namespace selvedge::privacy
