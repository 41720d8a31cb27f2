#include "privacy/redaction/text_words.h"

#include <algorithm>
#include <array>

#include "privacy/redaction/name_lexicon.h"

namespace selvedge::privacy {
namespace {

constexpr size_t kMaxKey = 24;
constexpr size_t kMaxLookBack = 6;

bool IsLetter(char c) { return IsAlpha(c) || c == kOtherLetter; }

// Position behind the word at i: letters, with single apostrophes and hyphens between them.
size_t WordEnd(const FoldedText& text, size_t i) {
  while (i < text.size()) {
    while (IsLetter(text.at(i))) ++i;
    const bool joint = text.at(i) == '\'' || text.at(i) == '-';
    if (!joint || !IsLetter(text.at(i + 1))) return i;
    ++i;
  }
  return i;
}

bool EndsPossessive(const FoldedText& text, size_t begin, size_t end) {
  return end - begin > 3 && text.at(end - 2) == '\'' && ToLower(text.at(end - 1)) == 's';
}

WordCase CaseOf(const FoldedText& text, size_t begin, size_t end) {
  if (!IsAlpha(text.at(begin))) return WordCase::kUnknown;
  if (!IsUpper(text.at(begin))) return WordCase::kLower;
  if (end - begin == 1) return WordCase::kInitial;
  for (size_t i = begin; i < end; ++i) {
    if (IsAlpha(text.at(i)) && !IsUpper(text.at(i))) return WordCase::kCapital;
  }
  return WordCase::kAllUpper;
}

// I'm, they'll, don't.
bool IsContraction(const FoldedText& text, size_t begin, size_t end) {
  for (const std::string_view tail : {"'m", "'ll", "'ve", "'d", "'re", "'t"}) {
    if (end - begin > tail.size() && StartsWithNoCase(text.view(), end - tail.size(), tail)) {
      return true;
    }
  }
  return false;
}

// The letters of [begin, end) in lower case, without apostrophes and hyphens; empty for words that
// the lexicon cannot hold.
class Key {
 public:
  Key(const FoldedText& text, size_t begin, size_t end) {
    if (end - begin > kMaxKey) return;
    for (size_t i = begin; i < end; ++i) {
      if (text.at(i) == kOtherLetter) {
        size_ = 0;
        return;
      }
      if (IsAlpha(text.at(i))) letters_[size_++] = ToLower(text.at(i));
    }
  }
  std::string_view view() const { return {letters_.data(), size_}; }

 private:
  std::array<char, kMaxKey> letters_;
  size_t size_ = 0;
};

uint8_t BitsOf(const FoldedText& text, size_t begin, size_t end) {
  if (IsContraction(text, begin, end)) return kOrdinaryWord | kEverydayWord;
  return LookUpName(Key(text, begin, end).view());
}

// "Anne-Marie": a name if all of its parts are, a word if all of them are.
uint8_t BitsOfParts(const FoldedText& text, size_t begin, size_t end) {
  uint8_t names = 0;
  uint8_t words = kOrdinaryWord | kEverydayWord | kOtherCapital;
  bool all_names = true;
  for (size_t i = begin; i < end; ++i) {
    const size_t part = i;
    while (i < end && IsLetter(text.at(i))) ++i;
    const uint8_t bits = BitsOf(text, part, i);
    names |= bits & (kGivenName | kFamilyName);
    all_names =
        all_names && (bits & (kGivenName | kFamilyName)) != 0 && (bits & kEverydayWord) == 0;
    words &= bits;
  }
  return static_cast<uint8_t>((all_names ? names : 0) | words);
}

// What a sentence, line, quotation or list item starts behind.
bool StartsSentence(const FoldedText& text, size_t i) {
  for (size_t k = 0; k < kMaxLookBack; ++k, --i) {
    const char before = text.before(i);
    if (before == '\n') return true;
    if (std::string_view(".!?:\"(*>-").find(before) != std::string_view::npos) return true;
    if (before != ' ' && before != '\'') return false;
  }
  return true;
}

bool StartsLine(const FoldedText& text, size_t i) {
  for (size_t k = 0; k < kMaxLookBack && i > 0; ++k, --i) {
    if (text.before(i) == '\n') return true;
    if (IsAlnum(text.before(i))) return false;
  }
  return i == 0;
}

bool IsJoined(const FoldedText& text, const TextWord& before, size_t begin) {
  const std::string_view gap = text.view().substr(before.end, begin - before.end);
  if (gap == " " || gap == "  ") return true;
  const bool dot = gap == ". " || gap == ".";
  return dot && (before.letters == WordCase::kInitial || IsTitle(text, before));
}

}  // namespace

std::vector<TextWord> ReadWords(const FoldedText& text) {
  std::vector<TextWord> words;
  words.reserve(text.size() / 5);
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsLetter(text.at(i))) continue;
    const size_t begin = i;
    size_t end = WordEnd(text, i);
    i = end;
    if (!IsEdge(text.before(begin)) || !IsEdge(text.at(end))) continue;
    TextWord word{};
    word.possessive = EndsPossessive(text, begin, end);
    if (word.possessive) end -= 2;
    word.begin = begin;
    word.end = end;
    word.letters = CaseOf(text, begin, end);
    const bool ordinary =
        word.letters == WordCase::kLower && !MayBeGivenName(Key(text, begin, end).view());
    word.bits = ordinary ? kOrdinaryWord : LexiconBits(text, word);
    word.joined = !words.empty() && !words.back().possessive && IsJoined(text, words.back(), begin);
    word.starts_sentence =
        !word.joined && word.letters != WordCase::kLower && StartsSentence(text, begin);
    word.starts_line = word.starts_sentence && StartsLine(text, begin);
    words.push_back(word);
  }
  return words;
}

uint8_t LexiconBits(const FoldedText& text, const TextWord& word) {
  const uint8_t bits = BitsOf(text, word.begin, word.end);
  const std::string_view letters = text.view().substr(word.begin, word.end - word.begin);
  if (bits != 0 || letters.find('-') == letters.npos) return bits;
  return BitsOfParts(text, word.begin, word.end);
}

std::string LowerWord(const FoldedText& text, const TextWord& word) {
  std::string lower;
  for (size_t i = word.begin; i < word.end; ++i) lower.push_back(ToLower(text.at(i)));
  return lower;
}

bool IsOneOf(const FoldedText& text, const TextWord& word,
             const std::vector<std::string_view>& list) {
  const size_t size = word.end - word.begin;
  return std::any_of(list.begin(), list.end(), [&](std::string_view entry) {
    return entry.size() == size && StartsWithNoCase(text.view(), word.begin, entry);
  });
}

bool IsTitle(const FoldedText& text, const TextWord& word) {
  static const std::vector<std::string_view> kTitles = {
      "mr",    "mrs",    "ms",   "miss",  "mx",     "dr",       "prof",    "professor",
      "sir",   "sra",    "sr",   "madam", "mme",    "monsieur", "herr",    "frau",
      "senor", "senora", "aunt", "uncle", "auntie", "aunty",    "grandpa", "grandma",
      "rev",   "capt",   "sgt",  "lt",    "mlle",   "madame",   "lord",    "lady"};
  return word.letters != WordCase::kInitial && word.end - word.begin <= 9 &&
         IsOneOf(text, word, kTitles);
}

}  // namespace selvedge::privacy
