#include "privacy/redaction/checksums.h"

#include <gtest/gtest.h>

namespace selvedge::privacy {
namespace {

// SOURCE: ISO/IEC 7812-1 annex B and the card schemes' published test numbers.
TEST(Luhn, AcceptsPublishedTestNumbersAndRejectsEveryOneDigitError) {
  for (const std::string number : {"4111111111111111", "5555555555554444", "378282246310005"}) {
    EXPECT_TRUE(PassesLuhn(number)) << number;
    for (size_t i = 0; i < number.size(); ++i) {
      std::string wrong = number;
      wrong[i] = wrong[i] == '9' ? '0' : static_cast<char>(wrong[i] + 1);
      EXPECT_FALSE(PassesLuhn(wrong)) << wrong;
    }
  }
  EXPECT_FALSE(PassesLuhn(""));
}

// SOURCE: the examples of the SWIFT IBAN Registry.
TEST(IbanCheck, AcceptsTheRegistrysExamplesAndRejectsTransposedDigits) {
  EXPECT_TRUE(PassesIbanCheck("DE89370400440532013000"));
  EXPECT_TRUE(PassesIbanCheck("GB29NWBK60161331926819"));
  EXPECT_TRUE(PassesIbanCheck("FR1420041010050500013M02606"));
  EXPECT_TRUE(PassesIbanCheck("NO9386011117947"));
  EXPECT_TRUE(PassesIbanCheck("MT84MALT011000012345MTLCAST001S"));
  EXPECT_FALSE(PassesIbanCheck("DE89370400440532010300"));
  EXPECT_FALSE(PassesIbanCheck("DE98370400440532013000"));
}

}  // namespace
}  // namespace selvedge::privacy
