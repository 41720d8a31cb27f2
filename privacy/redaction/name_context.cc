#include "privacy/redaction/name_context.h"

#include <algorithm>

namespace selvedge::privacy {
namespace {

using Words = std::vector<std::string_view>;

// Whether only spaces and `marks` stand between two words.
bool OnlyBetween(const FoldedText& text, const TextWord& a, const TextWord& b,
                 std::string_view marks) {
  if (b.begin - a.end > 4) return false;
  for (size_t i = a.end; i < b.begin; ++i) {
    if (text.at(i) != ' ' && marks.find(text.at(i)) == std::string_view::npos) return false;
  }
  return true;
}

bool IsBefore(const FoldedText& text, std::span<const TextWord> words, size_t i, size_t back,
              const Words& list, std::string_view marks = "") {
  if (i < back) return false;
  for (size_t k = i - back; k < i; ++k) {
    if (!OnlyBetween(text, words[k], words[k + 1], marks)) return false;
  }
  return IsOneOf(text, words[i - back], list);
}

}  // namespace

bool IntroducesName(const FoldedText& text, std::span<const TextWord> words, size_t i) {
  static const Words kDirectly = {
      "named",     "nicknamed", "dear",     "hi",     "hello",     "hey",        "i'm",    "im",
      "sincerely", "regards",   "cheers",   "née",    "nee",       "brother",    "sister", "wife",
      "husband",   "son",       "daughter", "cousin", "boyfriend", "girlfriend", "nephew", "niece",
      "colleague", "neighbour", "neighbor", "fiance", "fiancee",   "roommate"};
  static const Words kName = {"name", "surname", "names"};
  static const Words kIs = {"is", "was", "to", "as", "be"};
  static const Words kThis = {"this"};
  static const Words kIt = {"is", "was"};
  static const Words kI = {"i"};
  static const Words kAm = {"am"};
  static const Words kCalls = {"calls", "call", "called", "named", "name"};
  static const Words kWhom = {"me", "him", "her"};
  static const Words kField = {"name",    "contact",  "signed", "attn",     "cc", "from",  "to",
                               "patient", "customer", "client", "employee", "by", "author"};
  if (IsBefore(text, words, i, 1, kDirectly, ",")) return true;
  if (IsBefore(text, words, i, 1, kName, "\"?")) return true;
  if (IsBefore(text, words, i, 1, kIs) && IsBefore(text, words, i, 2, kName)) return true;
  if (IsBefore(text, words, i, 1, kIt) && IsBefore(text, words, i, 2, kThis)) return true;
  if (IsBefore(text, words, i, 1, kAm) && IsBefore(text, words, i, 2, kI)) return true;
  if (IsBefore(text, words, i, 1, kWhom) && IsBefore(text, words, i, 2, kCalls)) return true;
  const bool colon = i > 0 && text.at(words[i - 1].end) == ':';
  return colon && IsBefore(text, words, i, 1, kField, ":");
}

bool IntroducesLowerCaseName(const FoldedText& text, std::span<const TextWord> words, size_t i) {
  static const Words kBefore = {"is", "named", "name", "mr", "mrs", "ms", "dr", "me"};
  return i > 0 && IsOneOf(text, words[i - 1], kBefore) &&
         (IsTitle(text, words[i - 1]) || IntroducesName(text, words, i));
}

bool NamesDoer(const FoldedText& text, std::span<const TextWord> words, size_t i) {
  static const Words kBefore = {"by",  "with", "starring", "featuring", "under",  "heard",
                                "met", "told", "asked",    "hired",     "player", "director"};
  return i > 0 && words[i].joined && IsOneOf(text, words[i - 1], kBefore);
}

bool ActsLikePerson(const FoldedText& text, std::span<const TextWord> words, size_t i) {
  static const Words kVerbs = {
      "said",   "says",    "asked",   "asks",     "replied",    "answered", "told",    "wrote",
      "writes", "thinks",  "thought", "lives",    "lived",      "works",    "worked",  "texted",
      "called", "emailed", "phoned",  "smiled",   "laughed",    "nodded",   "shouted", "whispered",
      "cried",  "married", "loves",   "loved",    "knows",      "knew",     "wants",   "wanted",
      "felt",   "spent",   "sighed",  "promised", "complained", "born",     "himself", "herself"};
  static const Words kSpeech = {"said", "asked", "replied", "cried", "answered", "says"};
  if (i + 1 < words.size() && words[i + 1].joined && !words[i].possessive &&
      IsOneOf(text, words[i + 1], kVerbs)) {
    return true;
  }
  return i > 0 && words[i].joined && IsOneOf(text, words[i - 1], kSpeech);
}

bool IntroducesPlace(const FoldedText& text, std::span<const TextWord> words, size_t i) {
  static const Words kPlaces = {"in",      "at", "near",   "the",    "from",    "into",
                                "of",      "to", "across", "via",    "through", "around",
                                "outside", "a",  "an",     "toward", "towards"};
  return i > 0 && words[i].joined && IsOneOf(text, words[i - 1], kPlaces);
}

bool IsInstitution(const FoldedText& text, const TextWord& word) {
  static const Words kInstitutions = {
      "inc",        "incorporated", "corp",        "corporation",  "ltd",          "limited",
      "llc",        "gmbh",         "plc",         "company",      "co",           "group",
      "university", "college",      "school",      "institute",    "orchestra",    "band",
      "bank",       "foundation",   "association", "society",      "club",         "church",
      "hospital",   "hotel",        "museum",      "press",        "street",       "st",
      "road",       "rd",           "avenue",      "ave",          "lane",         "drive",
      "square",     "park",         "bridge",      "river",        "lake",         "island",
      "islands",    "county",       "city",        "town",         "village",      "valley",
      "mountain",   "mountains",    "hills",       "bay",          "beach",        "airport",
      "station",    "house",        "hall",        "castle",       "theatre",      "theater",
      "center",     "centre",       "stadium",     "championship", "cup",          "league",
      "award",      "awards",       "prize",       "act",          "war",          "battle",
      "party",      "army",         "navy",        "court",        "records",      "times",
      "post",       "news",         "magazine",    "journal",      "tales",        "investments",
      "holdings",   "partners",     "industries",  "systems",      "technologies", "solutions",
      "services",   "restaurant",   "cafe",        "bar",          "grill",        "store",
      "films",      "box",          "apt",         "suite",        "unit",         "floor",
      "airlines",   "airways",      "route",       "highway",      "festival",     "province",
      "district",   "island",       "county",      "research",     "software",     "pictures"};
  return IsOneOf(text, word, kInstitutions);
}

bool IsPlaceHead(const FoldedText& text, const TextWord& word) {
  static const Words kHeads = {"san", "santa", "los",     "las",  "el",  "new",  "fort", "mount",
                               "mt",  "saint", "st",      "port", "rio", "cape", "lake", "rua",
                               "via", "calle", "avenida", "rue",  "uss", "usns", "usnv"};
  return IsOneOf(text, word, kHeads);
}

bool IsParticle(const FoldedText& text, const TextWord& word) {
  static const Words kParticles = {"van", "von", "der", "den", "de", "del", "della", "di",
                                   "da",  "dos", "du",  "la",  "le", "el",  "al",    "bin",
                                   "ibn", "ben", "ter", "ten", "zu", "af",  "av"};
  return word.letters == WordCase::kLower && IsOneOf(text, word, kParticles);
}

bool HasNameEnding(const FoldedText& text, const TextWord& word) {
  static const Words kEndings = {
      "ova",  "eva",  "ovic", "ovich", "evic",  "evich", "enko", "sson",    "sdottir", "dottir",
      "sen",  "czyk", "wski", "wska",  "ewicz", "owicz", "idis", "opoulos", "akis",    "shvili",
      "dze",  "yan",  "nen",  "escu",  "sky",   "skaya", "skij", "berg",    "strom",   "quist",
      "oglu", "ic",   "ski",  "ska",   "ov",    "ev",    "ovna", "evna",    "stein",   "mann"};
  const size_t size = word.end - word.begin;
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) {
    return size > ending.size() + 2 &&
           StartsWithNoCase(text.view(), word.end - ending.size(), ending);
  });
}

}  // namespace selvedge::privacy
