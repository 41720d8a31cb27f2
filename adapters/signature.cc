#include "adapters/signature.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace selvedge::adapters {
namespace {

constexpr char kDomain[] = "selvedge-adapter-manifest-v1";  // its final NUL is part of it

static_assert(kSignatureBytes == crypto_sign_BYTES);
static_assert(sizeof(PublicKey) == crypto_sign_PUBLICKEYBYTES);
static_assert(sizeof(SigningKey::secret_key) == crypto_sign_SECRETKEYBYTES);

std::vector<uint8_t> Message(std::span<const uint8_t> manifest) {
  std::vector<uint8_t> message(sizeof(kDomain) + manifest.size());
  std::copy_n(kDomain, sizeof(kDomain), message.begin());
  std::copy(manifest.begin(), manifest.end(), message.begin() + sizeof(kDomain));
  return message;
}

}  // namespace

SigningKey SigningKey::Generate() {
  if (sodium_init() < 0) std::abort();  // no random source: going on would make a guessable key
  SigningKey key;
  crypto_sign_keypair(key.public_key.data(), key.secret_key.data());
  return key;
}

SigningKey::~SigningKey() { sodium_memzero(secret_key.data(), secret_key.size()); }

Signature SignManifest(std::span<const uint8_t> manifest, const SigningKey& key) {
  const std::vector<uint8_t> message = Message(manifest);
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       key.secret_key.data());
  return signature;
}

Status VerifyManifest(std::span<const uint8_t> manifest, std::span<const uint8_t> signature,
                      const PublicKey& key) {
  const std::vector<uint8_t> message = Message(manifest);
  if (signature.size() != kSignatureBytes ||
      crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) !=
          0) {
    return AuthError("adapter: manifest.sig: is not this home's signature of manifest.json");
  }
  return OkStatus();
}

}  // namespace selvedge::adapters
