#include "adapters/bundle.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "adapters/manifest.h"
#include "adapters/peft.h"
#include "adapters/signature.h"
#include "core/digest.h"

namespace selvedge::adapters {
namespace {

constexpr char kMagic[] = "SLVGBNDL";
constexpr char kDomain[] = "selvedge-adapter-bundle-v1";  // its final NUL is part of it
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 88;
constexpr size_t kBodyAt = kHeaderBytes + kSignatureBytes;
constexpr size_t kContentHeaderBytes = 16;
constexpr PublicKey kEverybody{};

struct Header {
  PublicKey sender{};
  PublicKey receiver = kEverybody;
  uint64_t content_bytes = 0;
};

template <typename T>
void Put(uint8_t* at, T value) {  // little-endian
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

template <typename T>
T Get(const uint8_t* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(at[i]) << (8 * i);
  return value;
}

std::array<uint8_t, kHeaderBytes> Encode(const Header& header) {
  std::array<uint8_t, kHeaderBytes> bytes{};
  std::memcpy(bytes.data(), kMagic, 8);
  Put(bytes.data() + 8, kVersion);
  std::copy(header.sender.begin(), header.sender.end(), bytes.begin() + 16);
  std::copy(header.receiver.begin(), header.receiver.end(), bytes.begin() + 48);
  Put(bytes.data() + 80, header.content_bytes);
  return bytes;
}

Result<Header> Decode(std::span<const uint8_t> file) {
  if (!IsBundle(file)) return FormatError("bundle: magic: must be 'SLVGBNDL'");
  if (file.size() < kBodyAt) {
    return AuthError("bundle: cut short: " + std::to_string(file.size()) + " bytes");
  }
  const auto version = Get<uint32_t>(file.data() + 8);
  if (version != kVersion) {
    return IncompatibleError("bundle: version " + std::to_string(version) + ", 1 is known");
  }
  Header header;
  std::copy_n(file.begin() + 16, header.sender.size(), header.sender.begin());
  std::copy_n(file.begin() + 48, header.receiver.size(), header.receiver.begin());
  header.content_bytes = Get<uint64_t>(file.data() + 80);
  const uint64_t seal = header.receiver == kEverybody ? 0 : crypto_box_SEALBYTES;
  const uint64_t body = file.size() - kBodyAt;
  const auto encoded = Encode(header);
  if (body < seal || body - seal != header.content_bytes ||
      !std::equal(encoded.begin(), encoded.end(), file.begin())) {
    return AuthError("bundle: header: does not fit the file");
  }
  return header;
}

// What is signed: the domain, the header and the digest of the content in plain.
std::vector<uint8_t> SignedMessage(const Header& header, std::span<const uint8_t> content) {
  const auto encoded = Encode(header);
  const core::Sha256Digest digest = core::Sha256Of(content);
  std::vector<uint8_t> message(sizeof(kDomain) + encoded.size() + digest.size());
  auto at = std::copy_n(kDomain, sizeof(kDomain), message.begin());
  at = std::copy(encoded.begin(), encoded.end(), at);
  std::copy(digest.begin(), digest.end(), at);
  return message;
}

void Append(std::vector<uint8_t>* out, std::span<const uint8_t> bytes) {
  out->insert(out->end(), bytes.begin(), bytes.end());
}

std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::vector<uint8_t> Content(const std::string& manifest, const PeftFiles& files) {
  std::vector<uint8_t> content(kContentHeaderBytes);
  Put(content.data(), static_cast<uint32_t>(manifest.size()));
  Put(content.data() + 4, static_cast<uint32_t>(files.config.size()));
  Put(content.data() + 8, static_cast<uint64_t>(files.weights.size()));
  Append(&content, AsBytes(manifest));
  Append(&content, AsBytes(files.config));
  Append(&content, files.weights);
  return content;
}

// A device has one key pair: Ed25519 to sign, and its X25519 form to receive.
Result<std::array<uint8_t, crypto_box_PUBLICKEYBYTES>> BoxKey(const PublicKey& key) {
  std::array<uint8_t, crypto_box_PUBLICKEYBYTES> box;
  if (crypto_sign_ed25519_pk_to_curve25519(box.data(), key.data()) != 0) {
    return FormatError("bundle: receiver: is no public key");
  }
  return box;
}

Result<std::vector<uint8_t>> Unseal(std::span<const uint8_t> body, const SigningKey& own) {
  SELVEDGE_ASSIGN_OR_RETURN(const auto public_key, BoxKey(own.public_key));
  std::array<uint8_t, crypto_box_SECRETKEYBYTES> secret;
  crypto_sign_ed25519_sk_to_curve25519(secret.data(), own.secret_key.data());
  std::vector<uint8_t> content(body.size() - crypto_box_SEALBYTES);
  const int opened = crypto_box_seal_open(content.data(), body.data(), body.size(),
                                          public_key.data(), secret.data());
  sodium_memzero(secret.data(), secret.size());
  if (opened != 0) return AuthError("bundle: cannot be opened with this home's key");
  return content;
}

// The content is authentic from here on; a sender may still have written nonsense.
Result<StoredAdapter> ParseContent(std::span<const uint8_t> content, const std::string& base_digest,
                                   const BaseShape& base) {
  if (content.size() < kContentHeaderBytes) return FormatError("bundle: content: cut short");
  const uint64_t manifest_bytes = Get<uint32_t>(content.data());
  const uint64_t config_bytes = Get<uint32_t>(content.data() + 4);
  const auto weights_bytes = Get<uint64_t>(content.data() + 8);
  if (manifest_bytes > kMaxManifestBytes || config_bytes > kMaxConfigBytes ||
      weights_bytes > kMaxWeightsBytes ||
      kContentHeaderBytes + manifest_bytes + config_bytes + weights_bytes != content.size()) {
    return FormatError("bundle: content: sizes do not fit");
  }
  const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  const std::string_view config = text.substr(kContentHeaderBytes + manifest_bytes, config_bytes);
  const std::span<const uint8_t> weights = content.last(weights_bytes);
  StoredAdapter stored;
  SELVEDGE_ASSIGN_OR_RETURN(stored.manifest,
                            ReadManifest(text.substr(kContentHeaderBytes, manifest_bytes)));
  if (stored.manifest.base_digest != base_digest) {
    return IncompatibleError("bundle: base digest: got " + stored.manifest.base_digest +
                             ", the model has " + base_digest);
  }
  if (core::Hex(core::Sha256Of(AsBytes(config))) != stored.manifest.config_sha256 ||
      core::Hex(core::Sha256Of(weights)) != stored.manifest.weights_sha256) {
    return AuthError("bundle: files: are not those of the manifest");
  }
  SELVEDGE_ASSIGN_OR_RETURN(stored.adapter,
                            ParsePeft(config, core::MappedFile::Wrap(weights, "bundle"), base));
  return stored;
}

}  // namespace

bool IsBundle(std::span<const uint8_t> file) {
  return file.size() >= 8 && std::memcmp(file.data(), kMagic, 8) == 0;
}

Result<std::vector<uint8_t>> WriteBundle(const StoredAdapter& stored, const BaseShape& base,
                                         const SigningKey& sender,
                                         const std::optional<PublicKey>& receiver) {
  SELVEDGE_ASSIGN_OR_RETURN(const PeftFiles files, SerializePeft(stored.adapter, base));
  const std::vector<uint8_t> content = Content(WriteManifest(stored.manifest), files);
  Header header;
  header.sender = sender.public_key;
  header.receiver = receiver.value_or(kEverybody);
  header.content_bytes = content.size();
  const std::vector<uint8_t> message = SignedMessage(header, content);
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       sender.secret_key.data());
  const auto encoded = Encode(header);
  std::vector<uint8_t> file(encoded.begin(), encoded.end());
  Append(&file, signature);
  if (!receiver.has_value()) {
    Append(&file, content);
    return file;
  }
  SELVEDGE_ASSIGN_OR_RETURN(const auto box, BoxKey(*receiver));
  file.resize(kBodyAt + content.size() + crypto_box_SEALBYTES);
  if (crypto_box_seal(file.data() + kBodyAt, content.data(), content.size(), box.data()) != 0) {
    return FormatError("bundle: receiver: is no public key");
  }
  return file;
}

Result<StoredAdapter> ReadBundle(std::span<const uint8_t> file, const PublicKey& trusted,
                                 const SigningKey& own, const std::string& base_digest,
                                 const BaseShape& base) {
  SELVEDGE_ASSIGN_OR_RETURN(const Header header, Decode(file));
  if (header.sender != trusted) {
    return AuthError("bundle: sender: is " + core::Hex(header.sender) + ", trusted is " +
                     core::Hex(trusted));
  }
  const std::span<const uint8_t> body = file.subspan(kBodyAt);
  std::vector<uint8_t> opened;
  std::span<const uint8_t> content = body;
  if (header.receiver != kEverybody) {
    if (header.receiver != own.public_key) {
      return AuthError("bundle: receiver: is not for this home");
    }
    SELVEDGE_ASSIGN_OR_RETURN(opened, Unseal(body, own));
    content = opened;
  }
  const std::vector<uint8_t> message = SignedMessage(header, content);
  if (crypto_sign_verify_detached(file.data() + kHeaderBytes, message.data(), message.size(),
                                  trusted.data()) != 0) {
    return AuthError("bundle: signature: is not the sender's for this content");
  }
  return ParseContent(content, base_digest, base);
}

}  // namespace selvedge::adapters
