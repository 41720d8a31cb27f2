#pragma once
// One adapter as one file for another device: signed by the sender and, if it is meant for one
// receiver, sealed to that receiver. docs/formats/bundle.md says every byte.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "adapters/store.h"

namespace selvedge::adapters {

inline constexpr size_t kMaxBundleBytes = (size_t{2} << 30) + (size_t{2} << 20);

// Whether the file claims to be a bundle.
bool IsBundle(std::span<const uint8_t> file);

// `receiver` empty: anybody may read it. kIncompatible as SerializePeft, kFormat for a receiver key
// that is no point of the curve.
Result<std::vector<uint8_t>> WriteBundle(const StoredAdapter& stored, const BaseShape& base,
                                         const SigningKey& sender,
                                         const std::optional<PublicKey>& receiver);

// Checks in this order: framing, sender, receiver, seal, signature, manifest, base digest, file
// digests, weights. kAuth unless `trusted` signed exactly these bytes for `own` or for everybody;
// kIncompatible for another base or a newer version; kFormat, kNumeric.
Result<StoredAdapter> ReadBundle(std::span<const uint8_t> file, const PublicKey& trusted,
                                 const SigningKey& own, const std::string& base_digest,
                                 const BaseShape& base);

}  // namespace selvedge::adapters
