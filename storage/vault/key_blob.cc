#include "storage/vault/key_blob.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/digest.h"
#include "storage/vault/keyed_hash.h"

namespace selvedge::vault {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kWrappedBytes = SecretKey::kBytes + crypto_aead_xchacha20poly1305_ietf_ABYTES;
// Reading a blob must not be made to allocate or compute without bound.
constexpr uint64_t kMaxPasses = 16;
constexpr uint64_t kMaxMemoryBytes = uint64_t{1} << 30;

constexpr std::string_view kHeadDomain = "selvedge-ledger-head-v2";

struct KeyBlob {
  uint64_t version = kKeyBlobVersion;
  std::string provider;
  bool has_kdf = false;
  KdfParams kdf;
  uint64_t epoch = 0;
  std::array<uint8_t, kNonceBytes> nonce{};
  std::array<uint8_t, kWrappedBytes> wrapped{};
  LedgerHead head;
  std::array<uint8_t, kMacBytes> head_mac{};
};

Json Header(const KeyBlob& blob) {
  Json j;
  j["format"] = "selvedge-key";
  j["version"] = blob.version;
  j["provider"] = blob.provider;
  if (blob.has_kdf) {
    j["kdf"] = {{"name", "argon2id13"},
                {"passes", blob.kdf.passes},
                {"memory_bytes", blob.kdf.memory_bytes},
                {"salt", core::Hex(blob.kdf.salt)}};
  }
  if (blob.version >= 2) j["epoch"] = blob.epoch;
  return j;
}

// The one text that stands for a blob: any other spelling is refused, so that no byte of the file
// can change unnoticed.
std::string Serialize(const KeyBlob& blob) {
  Json j = Header(blob);
  j["nonce"] = core::Hex(blob.nonce);
  j["wrapped"] = core::Hex(blob.wrapped);
  if (blob.version >= 2) {
    j["ledger"] = {{"rows", blob.head.rows},
                   {"head", core::Hex(blob.head.mac)},
                   {"mac", core::Hex(blob.head_mac)}};
  }
  return j.dump(2) + "\n";
}

template <size_t N>
bool ReadHex(const Json& j, const char* name, std::array<uint8_t, N>* out) {
  if (!j.contains(name) || !j[name].is_string()) return false;
  Result<std::vector<uint8_t>> bytes = core::FromHex(j[name].get_ref<const std::string&>());
  if (!bytes.ok() || bytes->size() != N) return false;
  std::copy(bytes->begin(), bytes->end(), out->begin());
  return true;
}

bool ReadKdf(const Json& j, KdfParams* kdf) {
  if (!j.is_object() || !j.contains("passes") || !j["passes"].is_number_unsigned() ||
      !j.contains("memory_bytes") || !j["memory_bytes"].is_number_unsigned()) {
    return false;
  }
  kdf->passes = j["passes"].get<uint64_t>();
  kdf->memory_bytes = j["memory_bytes"].get<uint64_t>();
  return ReadHex(j, "salt", &kdf->salt) && kdf->passes >= crypto_pwhash_OPSLIMIT_MIN &&
         kdf->passes <= kMaxPasses && kdf->memory_bytes >= crypto_pwhash_MEMLIMIT_MIN &&
         kdf->memory_bytes <= kMaxMemoryBytes;
}

bool ReadHead(const Json& j, KeyBlob* blob) {
  if (!j.contains("epoch") || !j["epoch"].is_number_unsigned() || !j.contains("ledger")) {
    return false;
  }
  const Json& ledger = j["ledger"];
  if (!ledger.is_object() || !ledger.contains("rows") || !ledger["rows"].is_number_integer()) {
    return false;
  }
  blob->epoch = j["epoch"].get<uint64_t>();
  blob->head.rows = ledger["rows"].get<int64_t>();
  return ReadHex(ledger, "head", &blob->head.mac) && ReadHex(ledger, "mac", &blob->head_mac);
}

Status Damaged() {
  return AuthError("key.json: damaged or from another version, the home is untouched");
}

Result<KeyBlob> Parse(std::string_view text) {
  const Status damaged = Damaged();
  const Json j = Json::parse(text, nullptr, false);
  if (!j.is_object() || !j.contains("provider") || !j["provider"].is_string() ||
      !j.contains("version") || !j["version"].is_number_unsigned()) {
    return damaged;
  }
  KeyBlob blob;
  blob.version = j["version"].get<uint64_t>();
  if (blob.version < 1 || blob.version > kKeyBlobVersion) return damaged;
  if (blob.version >= 2 && !ReadHead(j, &blob)) return damaged;
  blob.provider = j["provider"].get<std::string>();
  blob.has_kdf = j.contains("kdf");
  if (blob.has_kdf && !ReadKdf(j["kdf"], &blob.kdf)) return damaged;
  if (!ReadHex(j, "nonce", &blob.nonce) || !ReadHex(j, "wrapped", &blob.wrapped)) return damaged;
  // Invalid UTF-8 cannot be in `provider` here: parse() refuses it, so dump() does not throw.
  if (Serialize(blob) != text) return damaged;
  return blob;
}

std::string AssociatedData(const KeyBlob& blob) { return Header(blob).dump(); }

// Binds the head to this wrapping of the key, so that a head cannot move between blobs.
std::array<uint8_t, kMacBytes> HeadMac(const KeyBlob& blob, const SecretKey& ledger_key) {
  return KeyedHash(ledger_key)
      .Add(kHeadDomain)
      .Add(blob.epoch)
      .Add(std::span<const uint8_t>(blob.wrapped))
      .Add(static_cast<uint64_t>(blob.head.rows))
      .Add(std::span<const uint8_t>(blob.head.mac))
      .Finish();
}

Result<KeyBlob> ParseWithHead(std::string_view text, const SecretKey& ledger_key) {
  SELVEDGE_ASSIGN_OR_RETURN(KeyBlob blob, Parse(text));
  if (blob.version < 2 || !SameMac(HeadMac(blob, ledger_key), blob.head_mac)) return Damaged();
  return blob;
}

}  // namespace

Result<std::string> WrapStoreKey(const KeyProvider& provider, const SecretKey& store_key,
                                 uint64_t epoch, const LedgerHead& head) {
  KeyBlob blob;
  blob.epoch = epoch;
  blob.head = head;
  blob.provider = provider.name();
  blob.has_kdf = provider.uses_kdf();
  randombytes_buf(blob.kdf.salt.data(), blob.kdf.salt.size());
  randombytes_buf(blob.nonce.data(), blob.nonce.size());
  SELVEDGE_ASSIGN_OR_RETURN(const SecretKey wrapping, provider.Key(blob.kdf));
  const std::string ad = AssociatedData(blob);
  crypto_aead_xchacha20poly1305_ietf_encrypt(blob.wrapped.data(), nullptr, store_key.data(),
                                             SecretKey::kBytes,
                                             reinterpret_cast<const uint8_t*>(ad.data()), ad.size(),
                                             nullptr, blob.nonce.data(), wrapping.data());
  blob.head_mac = HeadMac(blob, LedgerKey(store_key));
  return Serialize(blob);
}

Result<SecretKey> UnwrapStoreKey(const KeyProvider& provider, std::string_view text) {
  SELVEDGE_ASSIGN_OR_RETURN(const KeyBlob blob, Parse(text));
  if (blob.provider != provider.name()) {
    return AuthError("key: got one from '" + std::string(provider.name()) +
                     "', the home is opened with one from '" + blob.provider + "'");
  }
  if (blob.has_kdf != provider.uses_kdf()) {
    return Damaged();
  }
  SELVEDGE_ASSIGN_OR_RETURN(const SecretKey wrapping, provider.Key(blob.kdf));
  const std::string ad = AssociatedData(blob);
  SecretKey store_key;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          store_key.bytes().data(), nullptr, nullptr, blob.wrapped.data(), blob.wrapped.size(),
          reinterpret_cast<const uint8_t*>(ad.data()), ad.size(), blob.nonce.data(),
          wrapping.data()) != 0) {
    return AuthError("key: wrong " + blob.provider + ", or key.json was changed");
  }
  return store_key;
}

Result<KeyBlobInfo> ReadKeyBlobInfo(std::string_view text) {
  SELVEDGE_ASSIGN_OR_RETURN(const KeyBlob blob, Parse(text));
  return KeyBlobInfo{static_cast<int>(blob.version), blob.epoch};
}

Result<LedgerHead> ReadLedgerHead(std::string_view text, const SecretKey& ledger_key) {
  SELVEDGE_ASSIGN_OR_RETURN(const KeyBlob blob, ParseWithHead(text, ledger_key));
  return blob.head;
}

Result<std::string> ReplaceLedgerHead(std::string_view text, const LedgerHead& head,
                                      const SecretKey& ledger_key) {
  SELVEDGE_ASSIGN_OR_RETURN(KeyBlob blob, ParseWithHead(text, ledger_key));
  blob.head = head;
  blob.head_mac = HeadMac(blob, ledger_key);
  return Serialize(blob);
}

SecretKey DeriveSubkey(const SecretKey& store_key, const char (&context)[9]) {
  static_assert(crypto_kdf_KEYBYTES == SecretKey::kBytes && crypto_kdf_CONTEXTBYTES == 8);
  SecretKey key;
  crypto_kdf_derive_from_key(key.bytes().data(), SecretKey::kBytes, 1, context, store_key.data());
  return key;
}

SecretKey LedgerKey(const SecretKey& store_key) { return DeriveSubkey(store_key, "slvgledg"); }

}  // namespace selvedge::vault
