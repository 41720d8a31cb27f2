#pragma once
// Where the key that wraps the store key comes from.

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "storage/vault/secret.h"

namespace selvedge::vault {

// Argon2id (RFC 9106) as libsodium's crypto_pwhash does it, one lane.
struct KdfParams {
  uint64_t passes = 3;
  uint64_t memory_bytes = uint64_t{64} << 20;
  std::array<uint8_t, 16> salt{};
};

class KeyProvider {
 public:
  virtual ~KeyProvider() = default;
  virtual const char* name() const = 0;  // "passphrase" | "key-file" | "keyring" | "home-key-file"
  virtual bool uses_kdf() const { return false; }
  // The wrapping key; `kdf` is read only if uses_kdf(). kKeyLost if the file is gone, kAuth or
  // kFormat if it cannot be a key, kLimit for an overlong passphrase.
  virtual Result<SecretKey> Key(const KdfParams& kdf) const = 0;
};

// Whether `source` asks for a key file of the home's own.
bool WantsHomeKey(const KeySource& source);

// The provider that `source` names; nothing is read yet. kUsage if it names two, or an unknown one.
Result<std::unique_ptr<KeyProvider>> MakeKeyProvider(const std::string& home,
                                                     const KeySource& source);

// The home's own key file, lying at `path`.
std::unique_ptr<KeyProvider> HomeKeyProvider(const std::string& path);

// Writes `path` with fresh random bytes, mode 0600.
Status CreateHomeKeyFile(const std::string& path);

}  // namespace selvedge::vault
