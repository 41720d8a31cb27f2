#include <gtest/gtest.h>
#include <selvedge/privacy.h>

namespace selvedge {
namespace {

std::string Masked(std::string_view text) { return Redact(text).text; }

// SOURCE: specimen numbers that the issuing authorities or the descriptions of the schemes publish.
TEST(NationalId, IsFoundByItsCheckDigits) {
  for (const char* id : {"86 095 742 719",     "1 85 05 78 006 084 91",
                         "12345678Z",          "X1234567L",
                         "RSSMRA85T10A562S",   "85.07.30-033.28",
                         "44051401359",        "811228-9874",
                         "131052-308T",        "756.9217.0769.85",
                         "736028/5163",        "1800101221144",
                         "37605030299",        "10000000146",
                         "111.444.777-35",     "11.222.333/0001-81",
                         "HEGG560427MVZRRL04", "ABCPE1234F",
                         "11010519491231002X", "S1234567D",
                         "8001015009087",      "AB 12 34 56 C",
                         "820701-2409184",     "070583-4321"}) {
    EXPECT_EQ(Masked(id), "<NATIONAL_ID>") << id;
    EXPECT_EQ(Masked(std::string("id ") + id + ", ok"), "id <NATIONAL_ID>, ok") << id;
  }
}

TEST(NationalId, OfAWeakShapeNeedsAWord) {
  for (const char* text :
       {"NHS number 943 476 5919", "my SIN: 046 454 286", "TFN 123 456 782", "NIF 123456789",
        "BSN 111222333", "OIB 69435151530", "PPS 1234567T", "Aadhaar 9999 4105 7058"}) {
    EXPECT_NE(Masked(text).find("<NATIONAL_ID>"), std::string::npos) << text;
  }
  for (const char* text : {"1234567T", "046 454 286 since then"}) {
    EXPECT_EQ(Masked(text).find("<NATIONAL_ID>"), std::string::npos) << text;
  }
}

TEST(NationalId, WithAWrongCheckDigitIsNone) {
  for (const char* id : {"12345678A", "X1234567M", "RSSMRA85T10A562T", "811228-9873", "131052-308U",
                         "736028/5164", "S1234567E", "111.444.777-36", "HEGG560427MVZRRL05"}) {
    EXPECT_EQ(Masked(id).find("<NATIONAL_ID>"), std::string::npos) << id;
  }
}

}  // namespace
}  // namespace selvedge
