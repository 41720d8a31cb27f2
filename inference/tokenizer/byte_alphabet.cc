#include "inference/tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

namespace selvedge::inference {
namespace {

constexpr size_t kCharacters = 256 + 68;  // code points below this may stand for a byte
constexpr int16_t kNone = -1;

constexpr bool StandsForItself(size_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

constexpr std::array<int16_t, kCharacters> MakeTable() {
  std::array<int16_t, kCharacters> table{};
  size_t next = 256;
  for (int16_t& byte : table) byte = kNone;
  for (size_t byte = 0; byte < 256; ++byte) {
    table[StandsForItself(byte) ? byte : next++] = static_cast<int16_t>(byte);
  }
  return table;
}

constexpr std::array<int16_t, kCharacters> kByteOf = MakeTable();

}  // namespace

std::optional<std::string> BytesOfToken(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size(); ++at) {
    size_t character = static_cast<uint8_t>(text[at]);
    if (character >= 0xC2 && character <= 0xC5 && at + 1 < text.size()) {  // U+0080 to U+017F
      character = (character & 0x1F) << 6 | (static_cast<uint8_t>(text[++at]) & 0x3F);
    } else if (character >= 0x80) {
      return std::nullopt;
    }
    if (character >= kCharacters || kByteOf[character] == kNone) return std::nullopt;
    bytes.push_back(static_cast<char>(kByteOf[character]));
  }
  return bytes;
}

}  // namespace selvedge::inference
