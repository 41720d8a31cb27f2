#pragma once
// The text that detectors look at: one byte per code point, with tricks of writing folded away, and
// a map back to the caller's bytes.
//
// Folded: full-width and mathematical letters and digits, decimal digits of other scripts, Cyrillic
// and Greek look-alikes, unusual spaces, dashes, dots and quotes become ASCII; invisible code
// points vanish. What has no ASCII likeness becomes one of the marks below, so that words keep
// their edges.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace selvedge::privacy {

inline constexpr char kOtherLetter = '\x80';  // a letter without an ASCII likeness
inline constexpr char kOtherMark = '\x81';    // a symbol, or a byte that is not UTF-8
inline constexpr char kTaken = '\x82';        // belongs to a match of an earlier detector

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
  void Take(size_t begin, size_t end);

 private:
  std::string folded_;
  std::vector<size_t> begin_;    // [folded] byte offset in the original
  std::vector<uint8_t> length_;  // [folded] bytes of the code point, 1..4
};

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool IsAlpha(char c) { return IsUpper(c) || (c >= 'a' && c <= 'z'); }
inline bool IsAlnum(char c) { return IsAlpha(c) || IsDigit(c); }
inline bool IsSpace(char c) { return c == ' ' || c == '\n'; }
inline char ToLower(char c) { return IsUpper(c) ? static_cast<char>(c + 32) : c; }
inline char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
inline bool IsHex(char c) { return IsDigit(c) || (ToLower(c) >= 'a' && ToLower(c) <= 'f'); }
// Ends a number or token on its left and right: no ASCII letter, digit or underscore.
inline bool IsEdge(char c) { return !IsAlnum(c) && c != '_'; }

// Whether `word` (lower case) stands at i, letter case aside.
bool StartsWithNoCase(std::string_view text, size_t i, std::string_view word);

// Whether one of `words` (lower case) begins a word within `reach` positions before `i`, in the
// same line.
bool HasContextBefore(const FoldedText& text, size_t i, size_t reach,
                      const std::vector<std::string_view>& words);

}  // namespace selvedge::privacy
