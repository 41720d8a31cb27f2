#include <gtest/gtest.h>
#include <selvedge/privacy.h>

namespace selvedge {
namespace {

std::string Masked(std::string_view text) { return Redact(text).text; }

TEST(StreetAddress, IsFoundByItsPieces) {
  for (const char* address :
       {"12 High Street", "3911 Fourth Avenue Suite 697", "22 Pollen Crescent, Apt. 12",
        "Friedhofstrasse 33", "25615 Tawastintie 72 Apt. 004", "Rua Igreja 12", "ul. Zamkowa 33",
        "Unit 4719 Box 7394\nDPO AP 70942", "PSC 1437, Box 3833\nAPO AA 66791", "P.O. Box 149",
        "12b Old Mill Road, Rye, NY 10580", "14 Crown Street\nSuite 321\nRye 75419"}) {
    EXPECT_EQ(Masked(std::string("send it to ") + address + "."), "send it to <STREET_ADDRESS>.")
        << address;
  }
}

TEST(StreetAddress, IsNoOtherNumber) {
  for (const char* text :
       {"in 1845 the street was wide", "5 of the way", "chapter 12", "the box 12",
        "room 5, floor 2", "30 days, 5 nights", "for 20 years", "unit 7 of the book"}) {
    EXPECT_EQ(Masked(text), text);
  }
}

}  // namespace
}  // namespace selvedge
