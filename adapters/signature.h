#pragma once
// Ed25519 signatures of manifests and receipts.

#include <array>
#include <cstdint>
#include <span>

#include <selvedge/status.h>

#include "adapters/store.h"

namespace selvedge::adapters {

inline constexpr size_t kSignatureBytes = 64;
using Signature = std::array<uint8_t, kSignatureBytes>;

// Over "selvedge-adapter-manifest-v1" and a NUL, followed by the exact bytes. The prefix keeps a
// signature made for another purpose from being valid here.
Signature SignManifest(std::span<const uint8_t> manifest, const SigningKey& key);

// kAuth unless `signature` has 64 bytes and is this key's for these bytes. Keys of low order and
// signatures in non-canonical form are refused (libsodium does).
Status VerifyManifest(std::span<const uint8_t> manifest, std::span<const uint8_t> signature,
                      const PublicKey& key);

// The same over "selvedge-receipt-v1" and a NUL. Both lie in one file, so that a receipt can be
// checked by whoever has nothing else.
Signature SignReceipt(std::span<const uint8_t> receipt, const SigningKey& key);
Status VerifyReceiptSignature(std::span<const uint8_t> receipt, std::span<const uint8_t> signature,
                              const PublicKey& key);

}  // namespace selvedge::adapters
