#pragma once
// Check digits.

#include <string_view>

namespace selvedge::privacy {

// ISO/IEC 7812-1 annex B (Luhn). `digits` holds '0'..'9' only.
bool PassesLuhn(std::string_view digits);

// ISO 13616: letters A..Z as 10..35, the first four characters moved to the end, remainder 1
// modulo 97. `iban` holds '0'..'9' and 'A'..'Z' only and has at least five characters.
bool PassesIbanCheck(std::string_view iban);

}  // namespace selvedge::privacy
