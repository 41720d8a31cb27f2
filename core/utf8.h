#pragma once
// UTF-8 as defined by the Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing
// above U+10FFFF.

#include <cstddef>
#include <string>
#include <string_view>

namespace selvedge::core {

bool IsValidUtf8(std::string_view text);

// Bytes (1 to 4) of the well-formed character at the start of non-empty text; 0 if there is none.
size_t CharacterLength(std::string_view text);

// Replaces each maximal ill-formed subpart by U+FFFD (Unicode 15, section 3.9, "U+FFFD Substitution
// of Maximal Subparts").
std::string ReplaceInvalidUtf8(std::string_view text);

// Bytes (0 to 3) at the end that begin a character which more bytes could complete. A streaming
// writer holds them back.
size_t IncompleteTailLength(std::string_view text);

}  // namespace selvedge::core
