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

// SOURCE: Python 3.11 hashlib, sha256(bytes(i % 251 for i in range(n))).hexdigest(). With
// SELVEDGE_FORCE_ISA=scalar the same test goes without SHA instructions.
TEST(Sha256, AgreesWithHashlibAtEveryBlockEdgeAndInPieces) {
  const std::pair<size_t, const char*> golden[] = {
      {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
      {55, "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"},
      {56, "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"},
      {63, "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488"},
      {64, "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"},
      {65, "4bfd2c8b6f1eec7a2afeb48b934ee4b2694182027e6d0fc075074f2fabb31781"},
      {119, "da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6"},
      {120, "f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c"},
      {127, "92ca0fa6651ee2f97b884b7246a562fa71250fedefe5ebf270d31c546bfea976"},
      {128, "471fb943aa23c511f6f72f8d1652d9c880cfa392ad80503120547703e56a2be5"},
      {129, "5099c6a56203f9687f7d33f4bfdf576d31dc91f6b695ecea38b2770c87631135"},
      {1000, "4e4c294b331f7a2099a379bec34b9f9fc03dc46ab465d998f4d683da53487e6d"},
      {100000, "cd2df694e424bc7968cc37f47751019e5ca0cd1bdf2e479ea537c3a1c32ee1aa"},
  };
  for (const auto& [n, expected] : golden) {
    std::vector<uint8_t> bytes(n);
    for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(i % 251);
    EXPECT_EQ(Hex(Sha256Of(bytes)), expected) << n;
    Sha256 pieces;
    const std::span<const uint8_t> all(bytes);
    for (size_t at = 0, size = 1; at < n; at += size, size = size % 150 + 7) {
      pieces.Update(all.subspan(at, std::min(size, n - at)));
    }
    EXPECT_EQ(Hex(pieces.Finish()), expected) << n;
  }
}

}  // namespace
}  // namespace selvedge::core
