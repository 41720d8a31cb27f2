#include <algorithm>
#include <set>

#include "privacy/redaction/detector.h"
#include "privacy/redaction/name_context.h"
#include "privacy/redaction/name_lexicon.h"
#include "privacy/redaction/text_words.h"

// Names of persons: runs of capitalised words that the lexicon or the words around them make a
// name. A name that was recognised once is recognised again by any of its parts ("Ada Lovelace ...
// Lovelace").

namespace selvedge::privacy {
namespace {

constexpr size_t kMaxNameWords = 6;
constexpr uint8_t kAnyName = kGivenName | kFamilyName;

// Words [first, last).
struct Run {
  size_t first;
  size_t last;
  size_t size() const { return last - first; }
};

class NameFinder {
 public:
  explicit NameFinder(const FoldedText& text) : text_(text), words_(ReadWords(text)) {}

  void Find(std::vector<Match>* matches) {
    std::vector<Run> names;
    for (size_t i = 0; i < words_.size();) {
      const Run run = RunAt(i);
      Run name = run.size() > 0 && !IsBesideName(run) ? NameIn(run) : Run{i, i};
      if (name.size() == 0) name = LowerCaseName(i);
      if (name.size() > 0) {
        names.push_back(name);
        Remember(name);
      }
      i = std::max({i + 1, run.last, name.last});
    }
    AddRepeated(&names);
    for (const Run& name : names) {
      matches->push_back({words_[name.first].begin, words_[name.last - 1].end});
    }
  }

 private:
  const TextWord& word(size_t i) const { return words_[i]; }

  bool IsNameShaped(const TextWord& w) const {
    return w.capital() || w.letters == WordCase::kInitial || w.letters == WordCase::kUnknown;
  }
  // In the list as a name and never written in lower case.
  static bool IsStrong(const TextWord& w) {
    return w.Has(kAnyName) && !w.Has(kOrdinaryWord | kOtherCapital);
  }
  static bool IsUnlisted(const TextWord& w) { return w.bits == 0; }
  // Cannot be part of a name by itself.
  static bool IsOrdinary(const TextWord& w) {
    if (w.Has(kOtherCapital) && !w.Has(kAnyName)) return true;
    if (w.Has(kEverydayWord) && (w.starts_sentence || !w.Has(kAnyName))) return true;
    return w.Has(kOrdinaryWord) && !w.Has(kAnyName);
  }

  // The capitalised words from i on that belong together.
  Run RunAt(size_t i) const {
    Run run{i, i};
    if (!IsNameShaped(word(i))) return run;
    run.last = i + 1;
    while (run.last < words_.size() && run.size() < kMaxNameWords && word(run.last).joined) {
      size_t next = run.last;
      while (next + 1 < words_.size() && next - run.last < 2 && IsParticle(text_, word(next)) &&
             word(next + 1).joined) {
        ++next;
      }
      if (!IsNameShaped(word(next))) break;
      run.last = next + 1;
    }
    return run;
  }

  // What stands at once before or behind a placeholder was left over when the name was found.
  bool IsBesideName(const Run& run) const {
    const size_t begin = word(run.first).begin;
    const size_t end = word(run.last - 1).end;
    return (text_.before(begin) == ' ' && begin > 1 && text_.at(begin - 2) == kTakenName) ||
           (text_.at(end) == ' ' && text_.at(end + 1) == kTakenName);
  }

  // The name within a run; empty if there is none.
  Run NameIn(Run run) const {
    bool titled = run.first > 0 && word(run.first).joined && IsTitle(text_, word(run.first - 1));
    while (run.size() > 1 && !titled &&
           (IsTitle(text_, word(run.first)) || IsOrdinary(word(run.first)))) {
      titled = IsTitle(text_, word(run.first));
      ++run.first;
    }
    const bool introduced = titled || IntroducesName(text_, words_, run.first);
    for (size_t i = run.first; i < run.last; ++i) {
      if (IsInstitution(text_, word(i)) && !titled && i > run.first) return {run.first, run.first};
      if (IsPlaceHead(text_, word(i)) && !titled) return {run.first, run.first};
    }
    while (run.size() > 1 &&
           (IsOrdinary(word(run.last - 1)) || IsTitle(text_, word(run.last - 1)))) {
      --run.last;
    }
    const bool name = introduced       ? CouldBeName(run, titled)
                      : run.size() > 1 ? IsFullName(run)
                                       : IsLoneName(run.first);
    return name ? run : Run{run.first, run.first};
  }

  bool EndsRun(const TextWord& w, bool introduced) const {
    return introduced ? w.Has(kEverydayWord) && !w.Has(kAnyName)
                      : IsOrdinary(w) || IsTitle(text_, w);
  }

  // After "Mr" or "my name is" nearly everything is a name, but not "Mr President", "I'm English".
  bool CouldBeName(const Run& run, bool titled) const {
    const TextWord& first = word(run.first);
    if (first.letters == WordCase::kInitial && run.size() == 1) return false;
    const bool people = first.Has(kOtherCapital) && !first.Has(kGivenName) && !titled;
    const bool everyday = first.Has(kEverydayWord) && !first.Has(kGivenName) && !titled;
    return !people && !everyday && !IsOrdinary(first) && !IsTitle(text_, first);
  }

  bool IsFullName(const Run& run) const {
    const TextWord& first = word(run.first);
    const TextWord& last = word(run.last - 1);
    if (IntroducesArticle(run.first) || IsOrdinary(first) || IsOrdinary(last)) return false;
    if (AllUpper(run)) return IsStrong(first) && IsStrong(last);
    const bool inner_initial = HasInnerInitial(run);
    if (last.letters == WordCase::kInitial) {
      return IsStrong(first) && first.Has(kGivenName) && text_.at(last.end) == '.';
    }
    if (first.letters == WordCase::kInitial)
      return IsStrong(last) || (inner_initial && IsUnlisted(last));
    if (first.Has(kGivenName) && (IsStrong(first) || IsStrong(last) || IsUnlisted(last)))
      return true;
    if (IsStrong(last) && (IsUnlisted(first) || IsStrong(first))) return true;
    if (inner_initial || HasParticle(run)) return true;
    if (!IsUnlisted(last)) return false;
    return HasNameEnding(text_, last) ||
           (IsUnlisted(first) && (IsHeading(run) || NamesDoer(text_, words_, run.first)));
  }

  bool IsLoneName(size_t i) const {
    const TextWord& w = word(i);
    if (w.letters != WordCase::kCapital) return false;
    if (ActsLikePerson(text_, words_, i) && !IsOrdinary(w) && !w.Has(kEverydayWord)) return true;
    if (IsSpeaker(i) && !w.Has(kOrdinaryWord | kOtherCapital)) return true;
    if (IntroducesArticle(i)) return false;
    if (w.Has(kGivenName) && IsStrong(w)) return true;
    if (IsStrong(w) || (IsUnlisted(w) && HasNameEnding(text_, w))) {
      const bool inside = !w.starts_sentence || (FollowsColon(i) && !w.starts_line);
      return inside && !IntroducesPlace(text_, words_, i) && !PrecedesInstitution(i);
    }
    return false;
  }

  bool IntroducesArticle(size_t i) const {
    static const std::vector<std::string_view> kArticles = {"the", "a", "an"};
    return i > 0 && word(i).joined && IsOneOf(text_, word(i - 1), kArticles);
  }
  bool PrecedesInstitution(size_t i) const {
    return i + 1 < words_.size() && word(i + 1).joined && IsInstitution(text_, word(i + 1));
  }
  bool FollowsColon(size_t i) const {
    return i > 0 && text_.view().substr(word(i - 1).end, 2) == ": " &&
           word(i).begin == word(i - 1).end + 2;
  }
  // "Ada: are you there?" at the start of a line.
  bool IsSpeaker(size_t i) const {
    return word(i).starts_line && text_.at(word(i).end) == ':' &&
           IsSpace(text_.at(word(i).end + 1));
  }
  bool AllUpper(const Run& run) const {
    return std::all_of(words_.begin() + static_cast<std::ptrdiff_t>(run.first),
                       words_.begin() + static_cast<std::ptrdiff_t>(run.last),
                       [](const TextWord& w) { return w.letters == WordCase::kAllUpper; });
  }
  // All of the first line, as on a letter or a card.
  bool IsHeading(const Run& run) const {
    return run.first == 0 && word(0).starts_line && text_.at(word(run.last - 1).end) == '\n';
  }
  // "Maika van de Noort"; "de" and "la" are as frequent in places.
  bool HasParticle(const Run& run) const {
    static const std::vector<std::string_view> kOfPersons = {"van", "von", "bin", "ibn", "ter"};
    return std::any_of(words_.begin() + static_cast<std::ptrdiff_t>(run.first),
                       words_.begin() + static_cast<std::ptrdiff_t>(run.last),
                       [&](const TextWord& w) {
                         return w.letters == WordCase::kLower && IsOneOf(text_, w, kOfPersons);
                       });
  }
  bool HasInnerInitial(const Run& run) const {
    for (size_t i = run.first + 1; i + 1 < run.last; ++i) {
      if (word(i).letters == WordCase::kInitial) return true;
    }
    return false;
  }

  // "patricia desrosiers": a given name that is no word, then something that is no word.
  Run LowerCaseName(size_t i) const {
    const Run none{i, i};
    const TextWord& first = word(i);
    if (first.letters != WordCase::kLower) return none;
    size_t last = i + 1;
    const bool initial = last + 1 < words_.size() && word(last).end - word(last).begin == 1 &&
                         word(last).joined && !word(last).Has(kOrdinaryWord);
    if (initial) ++last;
    const bool follows = last < words_.size() && word(last).letters == WordCase::kLower &&
                         (word(last).joined || initial) && word(last).end - word(last).begin > 2;
    if (follows && first.Has(kGivenName) && IsStrong(first) && first.end - first.begin > 2) {
      TextWord second = word(last);
      second.bits = LexiconBits(text_, second);
      if (IsStrong(second) || IsUnlisted(second)) return {i, last + 1};
    }
    if (!IntroducesLowerCaseName(text_, words_, i)) return none;
    Run name{i, i};
    while (name.last < words_.size() && name.size() < 2 && IsNoWord(name.last) &&
           (name.size() == 0 || word(name.last).joined)) {
      ++name.last;
    }
    return name;
  }
  bool IsNoWord(size_t i) const {
    return word(i).letters == WordCase::kLower && word(i).end - word(i).begin > 2 &&
           (LexiconBits(text_, word(i)) & (kOrdinaryWord | kOtherCapital)) == 0;
  }

  // Parts of names that are recognised wherever else they stand.
  void Remember(const Run& name) {
    for (size_t i = name.first; i < name.last; ++i) {
      const TextWord& w = word(i);
      const bool weak =
          w.Has(kEverydayWord | kOtherCapital) || (w.Has(kOrdinaryWord) && !w.Has(kGivenName));
      if (w.end - w.begin >= 3 && w.letters != WordCase::kLower && !weak) {
        known_.insert(LowerWord(text_, w));
      }
    }
  }

  bool IsRepeated(size_t i) const {
    const TextWord& w = word(i);
    return w.capital() && known_.count(LowerWord(text_, w)) > 0 && !IntroducesArticle(i) &&
           !(w.Has(kOrdinaryWord) && w.starts_sentence) && !PrecedesInstitution(i);
  }

  // "Bowman and White", "Monjeau, Graves": a family name that is a word, too, next to a name.
  bool IsListedWith(const std::vector<Run>& names, size_t i) const {
    static const std::vector<std::string_view> kAnd = {"and", "or"};
    const TextWord& w = word(i);
    if (names.empty() || w.letters != WordCase::kCapital || !w.Has(kAnyName) ||
        w.Has(kOtherCapital) || PrecedesInstitution(i)) {
      return false;
    }
    const size_t last = names.back().last - 1;
    const bool comma = last + 1 == i && text_.view().substr(word(last).end, 2) == ", ";
    const bool joined =
        last + 2 == i && w.joined && word(i - 1).joined && IsOneOf(text_, word(i - 1), kAnd);
    return comma ? w.Has(kFamilyName) && !w.Has(kEverydayWord) : joined;
  }

  void AddRepeated(std::vector<Run>* names) const {
    std::vector<Run> all;
    auto next = names->begin();
    for (size_t i = 0; i < words_.size(); ++i) {
      if (next != names->end() && i == next->first) {
        all.push_back(*next);
        i = next->last - 1;
        ++next;
      } else if (IsRepeated(i) || IsListedWith(all, i)) {
        all.push_back({i, i + 1});
      }
    }
    *names = std::move(all);
  }

  const FoldedText& text_;
  std::vector<TextWord> words_;
  std::set<std::string> known_;
};

}  // namespace

void FindPersons(const FoldedText& text, std::vector<Match>* matches) {
  NameFinder(text).Find(matches);
}

}  // namespace selvedge::privacy
