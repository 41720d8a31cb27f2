#include "core/digest.h"

#include <gtest/gtest.h>

#include <string>

namespace selvedge::core {
namespace {

// SOURCE: FIPS 180-2, appendix B: B.1 "abc", B.2 the 448-bit message, B.3 one million 'a'.
TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(Hex(Sha256().Update("abc").Finish()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      Hex(Sha256().Update("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").Finish()),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Hex(Sha256().Update(std::string(1000000, 'a')).Finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesGiveTheDigestOfTheWhole) {
  const std::string text(1000, 'x');
  const Sha256Digest whole = Sha256Of({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  Sha256 pieces;
  for (size_t i = 0; i < 1000; i += 40) pieces.Update(text.substr(i, 40));
  EXPECT_EQ(pieces.Finish(), whole);
}

TEST(Sha256, NumbersAreLittleEndian) {
  EXPECT_EQ(Sha256().UpdateU64(0x0102030405060708u).Finish(),
            Sha256().Update("\x08\x07\x06\x05\x04\x03\x02\x01").Finish());
}

TEST(Hex, IsItsOwnInverseAndRefusesOtherText) {
  const std::vector<uint8_t> bytes = {0x00, 0x7f, 0xff, 0xa5};
  EXPECT_EQ(Hex(bytes), "007fffa5");
  EXPECT_EQ(FromHex("007FffA5").value(), bytes);
  EXPECT_TRUE(FromHex("")->empty());
  for (const char* bad : {"0", "0g", "0x", " 00", "0\n"}) {
    EXPECT_EQ(FromHex(bad).status().code(), StatusCode::kFormat) << bad;
  }
}

}  // namespace
}  // namespace selvedge::core
