#include "privacy/redaction/national_id_checks.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "privacy/redaction/checksums.h"
#include "privacy/redaction/folded_text.h"

namespace selvedge::privacy {
namespace {

int Digit(char c) { return c - '0'; }

int64_t Number(std::string_view digits) {
  int64_t value = 0;
  for (const char c : digits) value = value * 10 + Digit(c);
  return value;
}

int WeightedSum(std::string_view digits, std::span<const int> weights) {
  int sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) sum += weights[i] * Digit(digits[i]);
  return sum;
}

// A day and month that exist in some year.
bool IsDayMonth(int64_t day, int64_t month) {
  constexpr std::array<int, 12> kDays = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month >= 1 && month <= 12 && day >= 1 && day <= kDays[static_cast<size_t>(month - 1)];
}

// Month and day of YYMMDD, DDMMYY at `at`.
bool HasYearMonthDay(std::string_view id, size_t at) {
  return IsDayMonth(Number(id.substr(at + 4, 2)), Number(id.substr(at + 2, 2)));
}
bool HasDayMonthYear(std::string_view id, size_t at) {
  return IsDayMonth(Number(id.substr(at, 2)), Number(id.substr(at + 2, 2)));
}

// ISO/IEC 7064, hybrid system MOD 11,10 over digits with the check digit last.
bool PassesMod11And10(std::string_view digits) {
  int product = 10;
  for (const char c : digits.substr(0, digits.size() - 1)) {
    const int sum = (Digit(c) + product) % 10;
    product = (sum == 0 ? 10 : sum) * 2 % 11;
  }
  return (product + Digit(digits.back())) % 10 == 1;
}

// 11 minus the weighted sum modulo 11, the two results above 9 written as 0.
int Mod11Digit(std::string_view digits, int first_weight) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    sum += (first_weight - static_cast<int>(i)) * Digit(digits[i]);
  }
  const int check = 11 - sum % 11;
  return check > 9 ? 0 : check;
}

bool AllSame(std::string_view digits) {
  return digits.find_first_not_of(digits[0]) == std::string_view::npos;
}

}  // namespace

bool IsGermanTaxId(std::string_view id) {
  // Among the first ten digits exactly one comes twice or three times.
  std::array<int, 10> count{};
  for (const char c : id.substr(0, 10)) ++count[static_cast<size_t>(Digit(c))];
  const auto repeated = std::count_if(count.begin(), count.end(), [](int n) { return n > 1; });
  const int most = *std::max_element(count.begin(), count.end());
  return id[0] != '0' && repeated == 1 && most <= 3 && PassesMod11And10(id);
}

bool IsFrenchNir(std::string_view id) {
  std::string digits(id);
  if (digits[6] == 'A' || digits[6] == 'B') {  // Corsica: 2A counts as 19, 2B as 18
    digits[5] = '1';
    digits[6] = digits[6] == 'A' ? '9' : '8';
  }
  if (!std::all_of(digits.begin(), digits.end(), IsDigit) || digits[0] < '1' || digits[0] > '8') {
    return false;
  }
  return 97 - Number(digits.substr(0, 13)) % 97 == Number(digits.substr(13));
}

bool IsSpanishDni(std::string_view id) {
  constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  return kLetters[static_cast<size_t>(Number(id.substr(0, 8)) % 23)] == id[8];
}

bool IsSpanishNie(std::string_view id) {
  if (id[0] < 'X' || id[0] > 'Z') return false;
  std::string dni(id);
  dni[0] = static_cast<char>('0' + (id[0] - 'X'));
  return IsSpanishDni(dni);
}

bool IsItalianFiscalCode(std::string_view id) {
  // Values of 0-9 and A-Z at odd places; at even places they count as themselves.
  constexpr std::array<int, 26> kOdd = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                        20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  int sum = 0;
  for (size_t i = 0; i < 15; ++i) {
    const int value = IsDigit(id[i]) ? Digit(id[i]) : id[i] - 'A';
    sum += i % 2 == 0 ? kOdd[static_cast<size_t>(value)] : value;
  }
  return id[15] == 'A' + sum % 26;
}

bool IsDutchBsn(std::string_view id) {
  constexpr std::array<int, 9> kWeights = {9, 8, 7, 6, 5, 4, 3, 2, -1};
  return !AllSame(id) && WeightedSum(id, kWeights) % 11 == 0;
}

bool IsBelgianNumber(std::string_view id) {
  if (!HasYearMonthDay(id, 0)) return false;
  const int64_t number = Number(id.substr(0, 9));
  const int64_t check = Number(id.substr(9));
  return 97 - number % 97 == check || 97 - (number + 2000000000) % 97 == check;
}

bool IsPolishPesel(std::string_view id) {
  constexpr std::array<int, 11> kWeights = {1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1};
  const int64_t month = Number(id.substr(2, 2)) % 20;  // the century is in the tens
  return IsDayMonth(Number(id.substr(4, 2)), month) && WeightedSum(id, kWeights) % 10 == 0;
}

bool IsSwedishNumber(std::string_view id) {
  const std::string_view ten = id.substr(id.size() - 10);
  const int64_t day = Number(ten.substr(4, 2)) % 60;  // coordination numbers add 60
  return IsDayMonth(day, Number(ten.substr(2, 2))) && PassesLuhn(ten);
}

bool IsNorwegianNumber(std::string_view id) {
  constexpr std::array<int, 10> kFirst = {3, 7, 6, 1, 8, 9, 4, 5, 2, 1};
  constexpr std::array<int, 11> kSecond = {5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1};
  const int64_t day = Number(id.substr(0, 2)) % 40;  // D-numbers add 40
  return IsDayMonth(day, Number(id.substr(2, 2))) && WeightedSum(id, kFirst) % 11 == 0 &&
         WeightedSum(id, kSecond) % 11 == 0;
}

bool IsDanishCpr(std::string_view id) { return HasDayMonthYear(id, 0); }

bool IsFinnishHetu(std::string_view id) {
  constexpr std::string_view kCheck = "0123456789ABCDEFHJKLMNPRSTUVWXY";
  return HasDayMonthYear(id, 0) &&
         kCheck[static_cast<size_t>(Number(id.substr(0, 9)) % 31)] == id[9];
}

bool IsSwissAhv(std::string_view id) {
  int sum = 0;
  for (size_t i = 0; i < 13; ++i) sum += Digit(id[i]) * (i % 2 == 0 ? 1 : 3);
  return id.substr(0, 3) == "756" && sum % 10 == 0;
}

bool IsCzechNumber(std::string_view id) {
  const int64_t month = Number(id.substr(2, 2)) % 50 % 20;  // women add 50, overflows 20
  const int64_t head = Number(id.substr(0, 9)) % 11;
  const int last = Digit(id[9]);
  return IsDayMonth(Number(id.substr(4, 2)), month) && (head == last || (head == 10 && last == 0));
}

bool IsRomanianCnp(std::string_view id) {
  constexpr std::array<int, 12> kWeights = {2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9};
  const int check = WeightedSum(id, kWeights) % 11;
  return id[0] != '0' && HasYearMonthDay(id, 1) && (check == 10 ? 1 : check) == Digit(id[12]);
}

bool IsBalticNumber(std::string_view id) {
  constexpr std::array<int, 10> kFirst = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1};
  constexpr std::array<int, 10> kSecond = {3, 4, 5, 6, 7, 8, 9, 1, 2, 3};
  int check = WeightedSum(id, kFirst) % 11;
  if (check == 10) check = WeightedSum(id, kSecond) % 11 % 10;
  return id[0] >= '1' && id[0] <= '8' && HasYearMonthDay(id, 1) && check == Digit(id[10]);
}

bool IsCroatianOib(std::string_view id) { return PassesMod11And10(id); }

bool IsPortugueseNif(std::string_view id) { return Mod11Digit(id.substr(0, 8), 9) == Digit(id[8]); }

bool IsIrishPps(std::string_view id) {
  constexpr std::string_view kLetters = "WABCDEFGHIJKLMNOPQRSTUV";
  constexpr std::array<int, 7> kWeights = {8, 7, 6, 5, 4, 3, 2};
  int sum = WeightedSum(id, kWeights);
  if (id.size() == 9) sum += 9 * (id[8] == 'W' ? 0 : id[8] - 'A' + 1);
  return kLetters[static_cast<size_t>(sum % 23)] == id[7];
}

bool IsBritishNino(std::string_view id) {
  constexpr std::string_view kNeverFirst = "DFIQUV";
  constexpr std::string_view kNeverSecond = "DFIQUVO";
  constexpr std::array<std::string_view, 7> kNotUsed = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
  return kNeverFirst.find(id[0]) == std::string_view::npos &&
         kNeverSecond.find(id[1]) == std::string_view::npos &&
         std::find(kNotUsed.begin(), kNotUsed.end(), id.substr(0, 2)) == kNotUsed.end() &&
         id[8] >= 'A' && id[8] <= 'D';
}

bool IsBritishNhs(std::string_view id) {
  constexpr std::array<int, 10> kWeights = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  return !AllSame(id) && WeightedSum(id, kWeights) % 11 == 0;
}

bool IsTurkishNumber(std::string_view id) {
  int odd = 0, even = 0;
  for (size_t i = 0; i < 9; ++i) (i % 2 == 0 ? odd : even) += Digit(id[i]);
  const int tenth = ((odd * 7 - even) % 10 + 10) % 10;
  return id[0] != '0' && tenth == Digit(id[9]) && (odd + even + tenth) % 10 == Digit(id[10]);
}

bool IsBrazilianCpf(std::string_view id) {
  return !AllSame(id) && Mod11Digit(id.substr(0, 9), 10) == Digit(id[9]) &&
         Mod11Digit(id.substr(0, 10), 11) == Digit(id[10]);
}

bool IsBrazilianCnpj(std::string_view id) {
  constexpr std::array<int, 13> kWeights = {6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2};
  const auto check = [](int sum) { return sum % 11 < 2 ? 0 : 11 - sum % 11; };
  const int first = check(WeightedSum(id, std::span(kWeights).subspan(1)));
  return !AllSame(id) && first == Digit(id[12]) &&
         check(WeightedSum(id, kWeights)) == Digit(id[13]);
}

bool IsMexicanCurp(std::string_view id) {
  int sum = 0;
  for (size_t i = 0; i < 17; ++i) {
    // A..N are 10..23, 24 is the letter with a tilde, O..Z are 25..36.
    const int letter = id[i] - 'A' + 10 + (id[i] > 'N' ? 1 : 0);
    sum += (IsDigit(id[i]) ? Digit(id[i]) : letter) * (18 - static_cast<int>(i));
  }
  return HasYearMonthDay(id, 4) && (id[10] == 'H' || id[10] == 'M' || id[10] == 'X') &&
         (10 - sum % 10) % 10 == Digit(id[17]);
}

bool IsCanadianSin(std::string_view id) { return !AllSame(id) && PassesLuhn(id); }

bool IsIndianAadhaar(std::string_view id) {
  // Verhoeff 1969: multiplication in the dihedral group D5 and powers of one permutation.
  constexpr std::string_view kPermutation = "1576283094";
  const auto product = [](int a, int b) {
    if (a < 5) return b < 5 ? (a + b) % 5 : 5 + (a + b) % 5;
    return b < 5 ? 5 + (a - b) % 5 : (a - b + 5) % 5;
  };
  int check = 0;
  for (size_t i = 0; i < id.size(); ++i) {
    int digit = Digit(id[id.size() - 1 - i]);
    for (size_t k = 0; k < i % 8; ++k) digit = Digit(kPermutation[static_cast<size_t>(digit)]);
    check = product(check, digit);
  }
  return id[0] >= '2' && check == 0;
}

bool IsIndianPan(std::string_view id) {
  return std::string_view("PCHABGJLFT").find(id[3]) != std::string_view::npos;
}

bool IsChineseNumber(std::string_view id) {
  int rest = 0;
  for (const char c : id.substr(0, 17)) rest = (rest + Digit(c)) * 2 % 11;
  const int check = id[17] == 'X' ? 10 : IsDigit(id[17]) ? Digit(id[17]) : -1;
  const bool century = id.substr(6, 2) == "19" || id.substr(6, 2) == "20";
  return century && HasYearMonthDay(id, 8) && (rest + check) % 11 == 1;
}

bool IsKoreanNumber(std::string_view id) {
  return HasYearMonthDay(id, 0) && id[6] >= '1' && id[6] <= '8';
}

bool IsSingaporeNric(std::string_view id) {
  constexpr std::array<int, 7> kWeights = {2, 7, 6, 5, 4, 3, 2};
  const bool citizen = id[0] == 'S' || id[0] == 'T';
  if (!citizen && id[0] != 'F' && id[0] != 'G') return false;
  const int shift = id[0] == 'T' || id[0] == 'G' ? 4 : 0;
  const std::string_view letters = citizen ? "JZIHGFEDCBA" : "XWUTRQPNMLK";
  const int sum = WeightedSum(id.substr(1), kWeights) + shift;
  return letters[static_cast<size_t>(sum % 11)] == id[8];
}

bool IsSouthAfricanNumber(std::string_view id) { return HasYearMonthDay(id, 0) && PassesLuhn(id); }

bool IsAustralianTfn(std::string_view id) {
  constexpr std::array<int, 9> kWeights = {1, 4, 3, 7, 5, 8, 6, 9, 10};
  return !AllSame(id) && WeightedSum(id, kWeights) % 11 == 0;
}

}  // namespace selvedge::privacy
