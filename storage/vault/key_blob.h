#pragma once
// HOME/key.json: the random store key, wrapped by a provider's key, and the head of the ledger.
// Both lie in one file on purpose: who takes away the ledger's head takes away the key to the
// records. docs/formats/vault.md, section 2.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <selvedge/status.h>

#include "storage/vault/key_provider.h"
#include "storage/vault/secret.h"

namespace selvedge::vault {

// The newest ledger row that is known outside the database.
struct LedgerHead {
  int64_t rows = 0;                     // its number; 0 = no row yet, kLost = not known
  std::array<uint8_t, 32> mac{};        // its hash, zero for no row
  static constexpr int64_t kLost = -1;  // an older home came without one: nothing matches it
};

// Version 1 had no epoch and its head in a file of its own (anchor_v1.h).
inline constexpr int kKeyBlobVersion = 2;
inline constexpr size_t kMaxKeyBlobBytes = size_t{64} << 10;

struct KeyBlobInfo {
  int version = 0;
  uint64_t epoch = 0;  // grows whenever the store key is wrapped anew; 0 in version 1
};

// The file's text for `store_key` wrapped by the provider's key, with a fresh salt and nonce.
Result<std::string> WrapStoreKey(const KeyProvider& provider, const SecretKey& store_key,
                                 uint64_t epoch, const LedgerHead& head);

// kAuth if the text was changed in any way, names another provider, or the key is wrong.
Result<SecretKey> UnwrapStoreKey(const KeyProvider& provider, std::string_view text);

// Without a key; nothing is authenticated yet. kAuth if the text is no key blob.
Result<KeyBlobInfo> ReadKeyBlobInfo(std::string_view text);

// The ledger's head in a blob of version 2. kAuth if its hash under `ledger_key` is wrong.
Result<LedgerHead> ReadLedgerHead(std::string_view text, const SecretKey& ledger_key);

// The same blob with another head; the wrapped key is not touched. kAuth as above.
Result<std::string> ReplaceLedgerHead(std::string_view text, const LedgerHead& head,
                                      const SecretKey& ledger_key);

// A key derived from the store key for one purpose; `context` has 8 characters.
SecretKey DeriveSubkey(const SecretKey& store_key, const char (&context)[9]);
// Of ledger rows and the head.
SecretKey LedgerKey(const SecretKey& store_key);

}  // namespace selvedge::vault
