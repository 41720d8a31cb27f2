#pragma once
// The words of a text, as the search for names sees them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "privacy/redaction/folded_text.h"

namespace selvedge::privacy {

enum class WordCase : uint8_t {
  kLower,
  kCapital,   // first letter only, or more inside ("McDowell")
  kAllUpper,  // two letters or more
  kInitial,   // a single capital
  kUnknown,   // starts with a letter of another script
};

struct TextWord {
  size_t begin;  // folded positions, half open; without a possessive 's
  size_t end;
  WordCase letters;
  uint8_t bits;  // of the name lexicon
  bool joined;   // one space (behind an initial or a title also a dot) after the word before
  bool starts_sentence;  // or a line, a quotation, what follows a colon; not told of lower case
  bool starts_line;
  bool possessive;

  bool Has(uint8_t any_of) const { return (bits & any_of) != 0; }
  bool capital() const { return letters == WordCase::kCapital || letters == WordCase::kAllUpper; }
};

std::vector<TextWord> ReadWords(const FoldedText& text);

// The word's bits in the name lexicon. ReadWords spares the look-up for words in lower case that
// are no given name, and takes them for ordinary words.
uint8_t LexiconBits(const FoldedText& text, const TextWord& word);

// The word's letters in lower case.
std::string LowerWord(const FoldedText& text, const TextWord& word);

// Whether the word is one of `list` (lower case).
bool IsOneOf(const FoldedText& text, const TextWord& word,
             const std::vector<std::string_view>& list);

// Mr, Dr, Aunt: stands before a name.
bool IsTitle(const FoldedText& text, const TextWord& word);

}  // namespace selvedge::privacy
