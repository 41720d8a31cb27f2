#include <algorithm>
#include <array>

#include "privacy/redaction/detector.h"
#include "privacy/redaction/text_words.h"

// Postal addresses by their pieces: a house number and a street, a flat, a box, a military post
// office. Pieces that only commas and spaces part are one address; so are the lines behind it that
// end in a postcode.

namespace selvedge::privacy {
namespace {

using Words = std::vector<std::string_view>;

constexpr size_t kMaxHouseDigits = 5;
constexpr size_t kMaxStreetWords = 5;
constexpr size_t kMaxGap = 4;
constexpr size_t kMaxLines = 3;
constexpr size_t kMaxLine = 40;

bool EndsWord(const FoldedText& text, size_t begin, size_t end, const Words& endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) {
    return end - begin > ending.size() + 1 &&
           StartsWithNoCase(text.view(), end - ending.size(), ending);
  });
}

bool IsStreetWord(const FoldedText& text, const TextWord& word) {
  static const Words kStreets = {"street", "st",      "road",     "rd",        "avenue", "ave",
                                 "lane",   "ln",      "drive",    "dr",        "court",  "ct",
                                 "place",  "pl",      "blvd",     "boulevard", "way",    "terrace",
                                 "square", "sq",      "crescent", "close",     "row",    "parkway",
                                 "pkwy",   "highway", "hwy",      "circle",    "alley",  "gardens",
                                 "grove",  "mews",    "quay",     "path",      "walk",   "strasse"};
  return word.letters != WordCase::kInitial && IsOneOf(text, word, kStreets);
}

// Tawastintie, Friedhofstrasse, Populierenstraat.
bool IsStreetCompound(const FoldedText& text, const TextWord& word) {
  static const Words kEndings = {"strasse", "straat", "gasse", "gata",  "gatan", "gaten",  "gade",
                                 "katu",    "kuja",   "vej",   "veien", "vagen", "laan",   "plein",
                                 "allee",   "platz",  "utca",  "tie",   "braut", "stigur", "weg"};
  return word.letters != WordCase::kLower && EndsWord(text, word.begin, word.end, kEndings);
}

bool IsStreetHead(const FoldedText& text, const TextWord& word) {
  static const Words kHeads = {"rua",     "calle",  "via",    "viale",     "piazza",
                               "avenida", "avda",   "rue",    "avenue",    "ul",
                               "ulica",   "strada", "plaza",  "boulevard", "paseo",
                               "corso",   "chemin", "camino", "travessa"};
  return word.letters != WordCase::kLower ? IsOneOf(text, word, kHeads)
                                          : IsOneOf(text, word, {"ul", "rue", "via"});
}

bool IsUnit(const FoldedText& text, const TextWord& word) {
  static const Words kUnits = {"apt", "suite", "apartment", "postbox", "psc", "postfach", "flat"};
  return IsOneOf(text, word, kUnits);
}

class AddressFinder {
 public:
  explicit AddressFinder(const FoldedText& text) : text_(text), words_(ReadWords(text)) {}

  void Find(std::vector<Match>* matches) {
    const std::string_view view = text_.view();
    size_t next_word = 0;
    for (size_t i = 0; i < view.size();) {
      if (!IsDigit(view[i])) {
        ++i;
        continue;
      }
      const size_t begin = i;
      while (IsDigit(text_.at(i))) ++i;
      while (next_word < words_.size() && words_[next_word].begin < begin) ++next_word;
      const Match piece = PieceAt(begin, i, next_word);
      if (piece.end > piece.begin) Add(piece, matches);
    }
    for (size_t k = 0; k < matches->size(); ++k) {
      const size_t limit = k + 1 < matches->size() ? (*matches)[k + 1].begin : text_.size();
      (*matches)[k].end = TownEnd((*matches)[k].end, limit);
    }
  }

 private:
  // The piece of an address around the number [begin, end); `next` is the word behind it. Empty if
  // there is none.
  Match PieceAt(size_t begin, size_t end, size_t next) const {
    const Match none{begin, begin};
    if (end - begin > kMaxHouseDigits || !IsEdge(text_.before(begin))) return none;
    if (IsAlpha(text_.at(end)) && !IsAlnum(text_.at(end + 1))) ++end;  // 12b
    if (!IsEdge(text_.at(end))) return none;
    if (const size_t head = PieceBegin(begin, next); head < begin) return {head, end};
    const size_t tail = StreetEnd(end, next);
    return tail > end ? Match{begin, tail} : none;
  }

  // "12 High Street", "3911 Fourth Avenue": position behind the street, or `end`.
  size_t StreetEnd(size_t end, size_t next) const {
    size_t expected = end + 1;
    for (size_t k = next; k < words_.size() && k - next < kMaxStreetWords; ++k) {
      const TextWord& word = words_[k];
      if (word.begin != expected || text_.before(expected) != ' ') return end;
      if (word.letters == WordCase::kLower) return end;  // "5 of the way"
      if ((k > next && IsStreetWord(text_, word)) || IsStreetCompound(text_, word)) return word.end;
      expected = word.end + 1 + (text_.at(word.end) == '.' ? 1 : 0);
    }
    return end;
  }
  // "Rua Igreja 12", "Friedhofstrasse 33", "Apt. 864", "AE 99081": where it starts; `begin` if it
  // does not.
  size_t PieceBegin(size_t begin, size_t next) const {
    size_t expected = begin;
    for (size_t k = next; k-- > 0 && next - k <= kMaxStreetWords;) {
      const TextWord& word = words_[k];
      const std::string_view gap = text_.view().substr(word.end, expected - word.end);
      const bool joined =
          expected > word.end && gap.size() <= 3 && gap.find_first_not_of(" .#/") == gap.npos;
      if (!joined) return begin;
      if (k + 1 == next && (IsUnit(text_, word) || IsStreetCompound(text_, word)))
        return word.begin;
      if (k + 1 == next && IsOneOf(text_, word, {"box"})) return BoxBegin(k, begin);
      if (k + 1 == next && IsOneOf(text_, word, {"aa", "ae", "ap"}))
        return PostOfficeBegin(k, begin);
      if (IsStreetHead(text_, word) && (k + 1 < next || gap == ". ")) return word.begin;
      if (word.letters == WordCase::kLower && !IsParticle(word)) return begin;
      expected = word.begin;
    }
    return begin;
  }
  bool IsParticle(const TextWord& word) const {
    return IsOneOf(text_, word,
                   {"de", "da", "do", "dos", "das", "del", "della", "delle", "dei", "di", "la",
                    "las", "los", "e", "y", "du", "des"});
  }

  // "P.O. Box 12", "Unit 4719 Box 7394", "PSC 1437, Box 3833".
  size_t BoxBegin(size_t k, size_t begin) const {
    if (k >= 2 && IsOneOf(text_, words_[k - 1], {"o"}) && IsOneOf(text_, words_[k - 2], {"p"})) {
      return words_[k - 2].begin;
    }
    if (k >= 1 && IsOneOf(text_, words_[k - 1], {"po"})) return words_[k - 1].begin;
    const bool unit = k >= 1 && IsOneOf(text_, words_[k - 1], {"unit", "psc", "cmr"}) &&
                      words_[k].begin - words_[k - 1].end <= 8;
    return unit ? words_[k - 1].begin : begin;
  }
  // "DPO AE 99081", with a ship before it: "USNS Bergman\nFPO AP 93757".
  size_t PostOfficeBegin(size_t k, size_t begin) const {
    if (k < 1 || !IsOneOf(text_, words_[k - 1], {"apo", "fpo", "dpo"})) return begin;
    for (size_t back = 2; back <= 3 && back <= k; ++back) {
      if (IsOneOf(text_, words_[k - back], {"uss", "usns", "usnv", "usns", "uscgc"})) {
        return words_[k - back].begin;
      }
    }
    return words_[k - 1].begin;
  }

  // Adds a piece, with house numbers at once before it, to the piece before or by itself.
  void Add(Match piece, std::vector<Match>* matches) const {
    for (int k = 0; k < 2; ++k) {
      size_t begin = piece.begin;
      if (text_.before(begin) != ' ') break;
      --begin;
      const size_t digits_end = begin;
      while (begin > 0 && IsDigit(text_.before(begin)) && digits_end - begin < kMaxHouseDigits)
        --begin;
      if (begin == digits_end || !IsEdge(text_.before(begin))) break;
      piece.begin = begin;
    }
    if (!matches->empty()) {
      Match& last = matches->back();
      if (piece.begin <= last.end || IsSeparator(last.end, piece.begin)) {
        last.end = std::max(last.end, piece.end);
        return;
      }
    }
    matches->push_back(piece);
  }
  bool IsSeparator(size_t begin, size_t end) const {
    const std::string_view gap = text_.view().substr(begin, end - begin);
    return gap.size() <= kMaxGap && gap.find_first_not_of(" ,.\n") == gap.npos;
  }

  // Position behind the last of the next lines (or parts between commas) that ends in a postcode:
  // "\nDelmas, MP 35739". `end` if none does.
  size_t TownEnd(size_t end, size_t limit) const {
    size_t town = end;
    size_t i = end;
    for (size_t line = 0; line <= kMaxLines && i < limit; ++line) {
      while (i < limit && std::string_view(" ,\n").find(text_.at(i)) != std::string_view::npos) ++i;
      const size_t begin = i;
      while (i < limit && i - begin < kMaxLine && text_.at(i) != ',' && text_.at(i) != '\n' &&
             (IsAlnum(text_.at(i)) || text_.at(i) == ' ' || text_.at(i) == '-' ||
              text_.at(i) == '\'' || text_.at(i) == kOtherLetter)) {
        if (EndsPostcode(begin, i)) town = i;
        if (town > begin && text_.at(i) == ' ') return town;
        ++i;
      }
      if (EndsPostcode(begin, i)) return i;
      if (i == begin || !StartsTown(begin)) break;
    }
    return town;
  }
  bool StartsTown(size_t begin) const {
    return IsUpper(text_.at(begin)) || text_.at(begin) == kOtherLetter;
  }
  // Whether [begin, i) starts like a town or a state and ends in four to six digits.
  bool EndsPostcode(size_t begin, size_t i) const {
    size_t digits = i;
    while (digits > begin && IsDigit(text_.before(digits))) --digits;
    return i - digits >= 4 && i - digits <= 6 && !IsAlnum(text_.at(i)) &&
           (digits == begin || StartsTown(begin));
  }

  const FoldedText& text_;
  std::vector<TextWord> words_;
};

}  // namespace

void FindStreetAddresses(const FoldedText& text, std::vector<Match>* matches) {
  AddressFinder(text).Find(matches);
}

}  // namespace selvedge::privacy
