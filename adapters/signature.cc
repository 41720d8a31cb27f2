#include "adapters/signature.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace selvedge::adapters {
namespace {

// Followed by a NUL.
constexpr std::string_view kManifestDomain = "selvedge-adapter-manifest-v1";
constexpr std::string_view kReceiptDomain = "selvedge-receipt-v1";

static_assert(kSignatureBytes == crypto_sign_BYTES);
static_assert(sizeof(PublicKey) == crypto_sign_PUBLICKEYBYTES);
static_assert(sizeof(SigningKey::secret_key) == crypto_sign_SECRETKEYBYTES);

std::vector<uint8_t> Message(std::string_view domain, std::span<const uint8_t> bytes) {
  std::vector<uint8_t> message(domain.begin(), domain.end());
  message.push_back(0);
  message.insert(message.end(), bytes.begin(), bytes.end());
  return message;
}

Signature Sign(std::string_view domain, std::span<const uint8_t> bytes, const SigningKey& key) {
  const std::vector<uint8_t> message = Message(domain, bytes);
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       key.secret_key.data());
  return signature;
}

bool Verifies(std::string_view domain, std::span<const uint8_t> bytes,
              std::span<const uint8_t> signature, const PublicKey& key) {
  const std::vector<uint8_t> message = Message(domain, bytes);
  return signature.size() == kSignatureBytes &&
         crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
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
  return Sign(kManifestDomain, manifest, key);
}

Status VerifyManifest(std::span<const uint8_t> manifest, std::span<const uint8_t> signature,
                      const PublicKey& key) {
  if (Verifies(kManifestDomain, manifest, signature, key)) return OkStatus();
  return AuthError("adapter: manifest.sig: is not this home's signature of manifest.json");
}

Signature SignReceipt(std::span<const uint8_t> receipt, const SigningKey& key) {
  return Sign(kReceiptDomain, receipt, key);
}

Status VerifyReceiptSignature(std::span<const uint8_t> receipt, std::span<const uint8_t> signature,
                              const PublicKey& key) {
  if (Verifies(kReceiptDomain, receipt, signature, key)) return OkStatus();
  return AuthError("receipt: signature: is not this key's, or the receipt was changed");
}

}  // namespace selvedge::adapters
