#pragma once
// BLAKE2b-256 under a secret key, fed piece by piece.

#include <sodium.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "storage/vault/secret.h"

namespace selvedge::vault {

inline constexpr size_t kMacBytes = 32;

class KeyedHash {
 public:
  explicit KeyedHash(const SecretKey& key) {
    crypto_generichash_init(&state_, key.data(), SecretKey::kBytes, kMacBytes);
  }
  KeyedHash& Add(std::span<const uint8_t> bytes) {
    crypto_generichash_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  KeyedHash& Add(uint64_t v) {  // little-endian
    std::array<uint8_t, 8> le{};
    for (size_t i = 0; i < 8; ++i) le[i] = static_cast<uint8_t>(v >> (8 * i));
    return Add(std::span<const uint8_t>(le));
  }
  // Length first, so that no two lists of texts hash alike.
  KeyedHash& Add(std::string_view text) {
    Add(static_cast<uint64_t>(text.size()));
    return Add({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  std::array<uint8_t, kMacBytes> Finish() {
    std::array<uint8_t, kMacBytes> mac;
    crypto_generichash_final(&state_, mac.data(), mac.size());
    return mac;
  }

 private:
  crypto_generichash_state state_;
};

// In constant time. False unless both have kMacBytes.
inline bool SameMac(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return a.size() == kMacBytes && b.size() == kMacBytes &&
         sodium_memcmp(a.data(), b.data(), kMacBytes) == 0;
}

}  // namespace selvedge::vault
