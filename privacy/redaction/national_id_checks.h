#pragma once
// Check digits and dates of national identity numbers. Each function takes the number without
// separators, letters in capitals, and of the length that its row in national_id.cc gives.
//
// Sources: the issuing authorities' published algorithms; ISO/IEC 7064 for the two hybrid systems.

#include <string_view>

namespace selvedge::privacy {

bool IsGermanTaxId(std::string_view id);         // Steuer-ID, 11 digits, ISO/IEC 7064 MOD 11,10
bool IsFrenchNir(std::string_view id);           // 13 characters and a key modulo 97
bool IsSpanishDni(std::string_view id);          // 8 digits and a letter modulo 23
bool IsSpanishNie(std::string_view id);          // X, Y or Z, 7 digits and a letter
bool IsItalianFiscalCode(std::string_view id);   // 15 characters and a letter modulo 26
bool IsDutchBsn(std::string_view id);            // 9 digits, the eleven test
bool IsBelgianNumber(std::string_view id);       // 9 digits and 97 minus the rest modulo 97
bool IsPolishPesel(std::string_view id);         // 11 digits with a date
bool IsSwedishNumber(std::string_view id);       // 10 or 12 digits with a date, Luhn
bool IsNorwegianNumber(std::string_view id);     // 11 digits with a date, two digits modulo 11
bool IsDanishCpr(std::string_view id);           // 10 digits with a date; no check since 2007
bool IsFinnishHetu(std::string_view id);         // 9 digits with a date and a character modulo 31
bool IsSwissAhv(std::string_view id);            // 756, 13 digits, EAN-13
bool IsCzechNumber(std::string_view id);         // 10 digits with a date, modulo 11
bool IsRomanianCnp(std::string_view id);         // 13 digits with a date, modulo 11
bool IsBalticNumber(std::string_view id);        // Estonia and Lithuania: 11 digits with a date
bool IsCroatianOib(std::string_view id);         // 11 digits, ISO/IEC 7064 MOD 11,10
bool IsPortugueseNif(std::string_view id);       // 9 digits, modulo 11
bool IsIrishPps(std::string_view id);            // 7 digits and one or two letters, modulo 23
bool IsBritishNino(std::string_view id);         // allowed prefixes; has no check character
bool IsBritishNhs(std::string_view id);          // 10 digits, modulo 11
bool IsTurkishNumber(std::string_view id);       // 11 digits, two check digits
bool IsBrazilianCpf(std::string_view id);        // 11 digits, two check digits
bool IsBrazilianCnpj(std::string_view id);       // 14 digits, two check digits
bool IsMexicanCurp(std::string_view id);         // 17 characters and a digit modulo 10
bool IsCanadianSin(std::string_view id);         // 9 digits, Luhn
bool IsIndianAadhaar(std::string_view id);       // 12 digits, Verhoeff
bool IsIndianPan(std::string_view id);           // kind of holder at the fourth letter
bool IsChineseNumber(std::string_view id);       // 17 digits with a date, ISO/IEC 7064 MOD 11-2
bool IsKoreanNumber(std::string_view id);        // 13 digits with a date; no check since 2020
bool IsSingaporeNric(std::string_view id);       // a letter, 7 digits, a letter modulo 11
bool IsSouthAfricanNumber(std::string_view id);  // 13 digits with a date, Luhn
bool IsAustralianTfn(std::string_view id);       // 9 digits, modulo 11

}  // namespace selvedge::privacy
