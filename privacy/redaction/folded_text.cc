#include "privacy/redaction/folded_text.h"

#include <algorithm>
#include <array>

namespace selvedge::privacy {
namespace {

struct CodePoint {
  char32_t value;
  uint8_t length;  // bytes
};

constexpr char32_t kInvalid = 0xFFFFFFFF;
constexpr char kDropped = '\x7F';

// Decodes one code point; a byte that starts none counts as one of its own.
CodePoint Decode(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  if (lead < 0x80) return {lead, 1};
  const int extra = lead >= 0xF0 && lead < 0xF5 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : 0;
  if (extra == 0 || lead >= 0xF5 || i + extra >= text.size()) return {kInvalid, 1};
  char32_t value = lead & (0x3F >> extra);
  for (int k = 1; k <= extra; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return {kInvalid, 1};
    value = value << 6 | (byte(i + k) & 0x3F);
  }
  return {value, static_cast<uint8_t>(extra + 1)};
}

struct Range {
  char32_t first;
  char32_t last;
};

template <size_t N>
bool InRanges(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](Range r) { return c >= r.first && c <= r.last; });
}

// Default-ignorable code points that are seen in running text. Source: Unicode 15,
// DerivedCoreProperties.
constexpr std::array<Range, 11> kInvisible = {{{0x00AD, 0x00AD},
                                               {0x034F, 0x034F},
                                               {0x061C, 0x061C},
                                               {0x180B, 0x180E},
                                               {0x200B, 0x200F},
                                               {0x202A, 0x202E},
                                               {0x2060, 0x206F},
                                               {0x3164, 0x3164},
                                               {0xFE00, 0xFE0F},
                                               {0xFEFF, 0xFEFF},
                                               {0xE0000, 0xE01EF}}};
constexpr std::array<Range, 6> kSpaces = {{{0x00A0, 0x00A0},
                                           {0x1680, 0x1680},
                                           {0x2000, 0x200A},
                                           {0x202F, 0x202F},
                                           {0x205F, 0x205F},
                                           {0x3000, 0x3000}}};
constexpr std::array<Range, 6> kDashes = {{{0x2010, 0x2015},
                                           {0x2043, 0x2043},
                                           {0x2212, 0x2212},
                                           {0x2E3A, 0x2E3B},
                                           {0xFE58, 0xFE58},
                                           {0xFE63, 0xFE63}}};
constexpr std::array<Range, 8> kOtherMarks = {{{0x0080, 0x00A9},
                                               {0x00AB, 0x00BF},
                                               {0x2000, 0x206F},
                                               {0x20A0, 0x20CF},
                                               {0x2190, 0x2BFF},
                                               {0x3000, 0x303F},
                                               {0xFE10, 0xFE6F},
                                               {0x1F000, 0x1FAFF}}};
// The zero of each run of ten decimal digits (general category Nd). Source: Unicode 15.
constexpr std::array<char32_t, 24> kZeros = {
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1B50, 0xA620, 0xAA50};

// Letters of other scripts and marks that a reader takes for ASCII. Source: Unicode UTS #39, the
// single-letter confusables of Cyrillic and Greek, and compatibility forms of punctuation.
struct Likeness {
  std::u32string_view from;
  std::string_view to;
};
constexpr std::array<Likeness, 4> kLikenesses = {{
    {U"\u0430\u0435\u043E\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04BB\u051B\u051D",
     "aeopcyxijsdhqw"},
    {U"\u0410\u0412\u0415\u041A\u041C\u041D\u041E\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405",
     "ABEKMHOPCTYXIJS"},
    {U"\u0391\u0392\u0395\u0396\u0397\u0399\u039A\u039C\u039D\u039F\u03A1\u03A4\u03A5\u03A7\u03BF"
     U"\u03BD",
     "ABEZHIKMNOPTYXov"},
    {U"\u2018\u2019\u201C\u201D\u2024\u3002\uFF61\u2044\u2215\u2236\uA789\uFE55\uFE6B\uFE52\u00A3"
     U"\u20AC"
     U"\u00A5\u2028\u2029\u0085",
     "''\"\"...//:::@.$$$\n\n\n"},
}};

// The letter below the marks of each Latin letter with diacritics; '.' where there is none. Source:
// first code point of the Unicode 15 NFKD decomposition; letters with a stroke, ligatures, thorn
// and eth by their look.
constexpr std::string_view kLatin1AndExtended =  // U+00C0..U+024F
    "AAAAAAACEEEEIIIIDNOOOOO.OUUUUYTsaaaaaaaceeeeiiiidnooooo.ouuuuyty"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlL"
    "lLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs"
    "..................f.............Oo.............Uu..............."
    "....DDdLLlNNnAaIiOoUuUuUuUuUu.AaAa....GgKkOoOo..jDDdGg..NnAa...."
    "AaAaEeEeIiIiOoOoRrRrUuUuSsTt..Hh......AaEeOoOoOoOoYy............"
    "................";
constexpr std::string_view kLatinAdditional =  // U+1E00..U+1EFF
    "AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMm"
    "MmMmNnNnNnNnOoOoOoOoPpPpRrRrRrRrSsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVv"
    "WwWwWwWwWwXxXxYyZzZzZzhtwyas....AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEe"
    "EeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYy......";

// The base letter of c, or '.'.
char BaseLetter(char32_t c) {
  if (c >= 0xC0 && c < 0xC0 + kLatin1AndExtended.size()) return kLatin1AndExtended[c - 0xC0];
  if (c >= 0x1E00 && c < 0x1E00 + kLatinAdditional.size()) return kLatinAdditional[c - 0x1E00];
  return '.';
}

// Combining marks belong to the letter before them ("e" + U+0301).
bool IsCombining(char32_t c) { return c >= 0x0300 && c <= 0x036F; }

char FoldAscii(char32_t c) {
  if (c == '\n') return '\n';
  if (c < 0x20) return ' ';
  return c == 0x7F ? kDropped : static_cast<char>(c);
}

// Mathematical alphanumerics: 13 alphabets of 52 letters, then five runs of ten digits.
char FoldMathematical(char32_t c) {
  if (c >= 0x1D7CE) return static_cast<char>('0' + (c - 0x1D7CE) % 10);
  if (c >= 0x1D6A4) return kOtherLetter;  // dotless and Greek
  const char32_t k = (c - 0x1D400) % 52;
  return static_cast<char>(k < 26 ? 'A' + k : 'a' + (k - 26));
}

char Fold(char32_t c) {
  if (c < 0x80) return FoldAscii(c);
  if (c == kInvalid) return kOtherMark;
  if (const char base = BaseLetter(c); base != '.') return base;
  if (c >= 0xFF01 && c <= 0xFF5E) return static_cast<char>(c - 0xFF01 + '!');
  if (c >= 0x1D400 && c <= 0x1D7FF) return FoldMathematical(c);
  for (const char32_t zero : kZeros) {
    if (c >= zero && c < zero + 10) return static_cast<char>('0' + (c - zero));
  }
  if (c >= 0x1FBF0 && c <= 0x1FBF9) return static_cast<char>('0' + (c - 0x1FBF0));
  if (InRanges(kInvisible, c)) return kDropped;
  if (InRanges(kSpaces, c)) return ' ';
  if (InRanges(kDashes, c)) return '-';
  for (const Likeness& likeness : kLikenesses) {
    const size_t k = likeness.from.find(c);
    if (k != std::u32string_view::npos) return likeness.to[k];
  }
  return InRanges(kOtherMarks, c) ? kOtherMark : kOtherLetter;
}

// Bytes from `begin` to `end`, or what they were so far where they no longer fit: marks piled up
// without end.
uint8_t JoinedLength(size_t begin, uint8_t length, size_t end) {
  return end - begin <= UINT8_MAX ? static_cast<uint8_t>(end - begin) : length;
}

}  // namespace

FoldedText::FoldedText(std::string_view text) {
  folded_.resize(text.size());
  begin_.resize(text.size());
  length_.resize(text.size());
  size_t size = 0;
  const auto add = [&](char c, size_t begin, uint8_t length) {
    folded_[size] = c;
    begin_[size] = begin;
    length_[size++] = length;
  };
  for (size_t i = 0; i < text.size();) {
    if (text[i] >= ' ' && text[i] < 0x7F) {  // what most texts are made of
      add(text[i], i, 1);
      ++i;
      continue;
    }
    const CodePoint point = Decode(text, i);
    if (IsCombining(point.value) && size > 0) {
      length_[size - 1] = JoinedLength(begin_[size - 1], length_[size - 1], i + point.length);
    } else if (const char c = Fold(point.value); c != kDropped) {
      add(c, i, point.length);
    }
    i += point.length;
  }
  folded_.resize(size);
  begin_.resize(size);
  length_.resize(size);
}

void FoldedText::Take(size_t begin, size_t end, char mark) {
  std::fill(folded_.begin() + static_cast<std::ptrdiff_t>(begin),
            folded_.begin() + static_cast<std::ptrdiff_t>(end), mark);
}

bool StartsWithNoCase(std::string_view text, size_t i, std::string_view word) {
  if (i > text.size() || text.size() - i < word.size()) return false;
  for (size_t k = 0; k < word.size(); ++k) {
    if (ToLower(text[i + k]) != word[k]) return false;
  }
  return true;
}

bool HasContextBefore(const FoldedText& text, size_t i, size_t reach,
                      const std::vector<std::string_view>& words) {
  const size_t limit = i > reach ? i - reach : 0;
  for (size_t k = i; k-- > limit && text.at(k) != '\n';) {
    if (!IsAlpha(text.at(k)) || IsAlpha(text.before(k))) continue;
    for (const std::string_view word : words) {
      if (StartsWithNoCase(text.view(), k, word)) return true;
    }
  }
  return false;
}

}  // namespace selvedge::privacy
