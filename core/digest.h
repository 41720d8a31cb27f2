#pragma once
// SHA-256 and hexadecimal text.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::core {

using Sha256Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256& Update(std::span<const uint8_t> bytes);
  Sha256& Update(std::string_view text);
  Sha256& UpdateU64(uint64_t value);  // little-endian, 8 bytes
  Sha256Digest Finish();              // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256Digest Sha256Of(std::span<const uint8_t> bytes);
std::string Hex(std::span<const uint8_t> bytes);              // lower case
Result<std::vector<uint8_t>> FromHex(std::string_view text);  // kFormat

}  // namespace selvedge::core
