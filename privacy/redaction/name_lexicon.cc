#include "privacy/redaction/name_lexicon.h"

#include <array>
#include <bitset>
#include <cstddef>
#include <vector>

extern "C" const char selvedge_names_begin[];
extern "C" const char selvedge_names_end[];

namespace selvedge::privacy {
namespace {

// Lines "word bits\n"; the bits are one digit 0-9a-v.
std::string_view Lines() {
  return {selvedge_names_begin, static_cast<size_t>(selvedge_names_end - selvedge_names_begin)};
}

uint8_t BitsOf(char digit) {
  return static_cast<uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

// FNV-1a.
uint32_t Hash(std::string_view word) {
  uint32_t hash = 2166136261u;
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash ^ (hash >> 15);
}

// Open addressing over the lines, built at the first look-up (some milliseconds).
class Index {
 public:
  Index() : slots_(kSlots, kEmpty) {
    const std::string_view lines = Lines();
    for (size_t i = 0; i < lines.size();) {
      const size_t space = lines.find(' ', i);
      Add(lines.substr(i, space - i), i, BitsOf(lines[space + 1]));
      i = space + 3;
    }
  }

  uint8_t Find(std::string_view word) const {
    const std::string_view lines = Lines();
    for (size_t slot = Hash(word) % kSlots; slots_[slot] != kEmpty; slot = (slot + 1) % kSlots) {
      const std::string_view line = lines.substr(slots_[slot]);
      if (line.size() > word.size() && line[word.size()] == ' ' &&
          line.compare(0, word.size(), word) == 0) {
        return BitsOf(line[word.size() + 1]);
      }
    }
    return 0;
  }

  bool MayBeGiven(std::string_view word) const { return given_[Hash(word) % kGivenBits]; }

 private:
  static constexpr size_t kSlots = 1 << 19;  // a quarter full
  static constexpr uint32_t kEmpty = 0xFFFFFFFF;
  static constexpr size_t kGivenBits = 1 << 17;  // 16 KiB, a tenth full

  void Add(std::string_view word, size_t line, uint8_t bits) {
    size_t slot = Hash(word) % kSlots;
    while (slots_[slot] != kEmpty) slot = (slot + 1) % kSlots;
    slots_[slot] = static_cast<uint32_t>(line);
    if ((bits & kGivenName) != 0 && (bits & kOrdinaryWord) == 0)
      given_.set(Hash(word) % kGivenBits);
  }

  std::vector<uint32_t> slots_;  // where the line starts
  std::bitset<kGivenBits> given_;
};

const Index& Names() {
  static const Index index;
  return index;
}

}  // namespace

uint8_t LookUpName(std::string_view word) { return word.empty() ? 0 : Names().Find(word); }

bool MayBeGivenName(std::string_view word) { return Names().MayBeGiven(word); }

}  // namespace selvedge::privacy
