#pragma once
// HOME/key.json: the random store key, wrapped by a provider's key. docs/formats/vault.md,
// section 2.

#include <cstdint>
#include <string>
#include <string_view>

#include <selvedge/status.h>

#include "storage/vault/key_provider.h"
#include "storage/vault/secret.h"

namespace selvedge::vault {

// The file's text for `store_key` wrapped by the provider's key, with a fresh salt and nonce.
Result<std::string> WrapStoreKey(const KeyProvider& provider, const SecretKey& store_key);

// kAuth if the text was changed in any way, names another provider, or the key is wrong.
Result<SecretKey> UnwrapStoreKey(const KeyProvider& provider, std::string_view text);

// A key derived from the store key for one purpose; `context` has 8 characters.
SecretKey DeriveSubkey(const SecretKey& store_key, const char (&context)[9]);

}  // namespace selvedge::vault
