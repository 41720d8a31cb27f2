#pragma once
// Which words are given names, family names or ordinary English words. The list is data/names.txt,
// embedded in the program; data/SOURCES.md says where it is from.

#include <cstdint>
#include <string_view>

namespace selvedge::privacy {

inline constexpr uint8_t kGivenName = 1;
inline constexpr uint8_t kFamilyName = 2;
inline constexpr uint8_t kOrdinaryWord = 4;   // also written in lower case in running text
inline constexpr uint8_t kOtherCapital = 8;   // a place, people, month or brand
inline constexpr uint8_t kEverydayWord = 16;  // frequent: capitalised, it began a sentence

// The bits of a word in lower case ASCII letters; 0 if it is not in the list.
uint8_t LookUpName(std::string_view word);

// False if the word is certainly no given name that is never written in lower case; fast.
bool MayBeGivenName(std::string_view word);

}  // namespace selvedge::privacy
